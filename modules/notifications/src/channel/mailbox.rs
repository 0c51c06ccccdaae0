//! E-mail into a folder: one `.eml` file a message (RFC 5322), which any mail program opens.
use std::{
    io,
    path::{Path, PathBuf},
};

use kernel::StartError;
use lettre::{
    Address,
    message::{
        Mailbox as Sender, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};
use tokio::{
    fs::{self, File},
    io::AsyncWriteExt,
};
use uuid::Uuid;

use super::{Channel, Message, Undelivered};

/// A folder of mail.
pub(crate) struct Mailbox {
    folder: PathBuf,
    from: Sender,
}

impl Mailbox {
    pub(crate) async fn open(folder: PathBuf, from: Sender) -> Result<Self, StartError> {
        let refused = |error| format!("the mailbox {} in `data_dir` cannot be used: {error}", folder.display());
        fs::create_dir_all(&folder).await.map_err(refused)?;
        Ok(Self { folder, from })
    }
}

#[kernel::async_trait]
impl Channel for Mailbox {
    async fn send(&self, message: &Message) -> Result<(), Undelivered> {
        let bytes = compose(&self.from, message)?;
        let path = self.folder.join(format!("{}.eml", message.id));
        put(&self.folder, &path, &bytes).await.map_err(|error| Undelivered::ForNow(error.to_string()))
    }
}

/// The message as it goes over the wire; the same one each time, down to its boundary.
fn compose(from: &Sender, message: &Message) -> Result<Vec<u8>, Undelivered> {
    let never = |error: &dyn std::error::Error| Undelivered::ForGood(error.to_string());
    let to: Address = message.recipient.parse().map_err(|error| never(&error))?;
    // Nobody's holiday reply is for us (RFC 3834, section 5).
    let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into());
    let bodies = MultiPart::alternative()
        .boundary(message.id.0.simple().to_string())
        .singlepart(SinglePart::plain(message.text.clone()))
        .singlepart(SinglePart::html(message.html.clone()));
    let mail = lettre::Message::builder()
        .message_id(Some(format!("<{}@{}>", message.id, from.email.domain())))
        .date(message.created_at.into())
        .from(from.clone())
        // The address alone: a name is for its owner to choose, and no place for it is safer than none.
        .to(Sender::new(None, to))
        .subject(one_line(&message.subject))
        .raw_header(automatic)
        .multipart(bodies)
        .map_err(|error| never(&error))?;
    Ok(mail.formatted())
}

/// What cannot end a header.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Writes a file that appears whole or not at all, replaces the one that is there, and outlives the machine.
async fn put(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension(format!("{}.tmp", Uuid::new_v4().simple()));
    let mut file = File::create(&unfinished).await?;
    file.write_all(bytes).await?;
    file.sync_all().await?;
    kernel::failpoint!("notifications.mail.unfinished");
    fs::rename(&unfinished, path).await?;
    File::open(folder).await?.sync_all().await
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::NotificationId;

    fn message(recipient: &str, subject: &str, body: &str) -> Message {
        Message {
            id: NotificationId::new(),
            recipient: recipient.into(),
            subject: subject.into(),
            text: body.into(),
            html: format!("<p>{body}</p>"),
            created_at: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
            attempts: 1,
        }
    }

    fn composed(message: &Message) -> String {
        let from = "Stoa <shop@example.com>".parse().unwrap();
        String::from_utf8(compose(&from, message).unwrap()).unwrap()
    }

    /// The headers, unfolded (RFC 5322, section 2.2.3).
    fn headers(mail: &str) -> Vec<(String, String)> {
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        let head = head.replace("\r\n ", " ");
        assert!(!head.replace("\r\n", "").contains(['\r', '\n']), "every line ends in CRLF");
        head.split("\r\n").map(|line| line.split_once(": ").unwrap()).map(|(n, v)| (n.into(), v.into())).collect()
    }

    const NAMES: [&str; 8] =
        ["Message-ID", "Date", "From", "To", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type"];

    fn names(mail: &str) -> Vec<String> {
        let mut names: Vec<_> = headers(mail).into_iter().map(|(name, _)| name).collect();
        names.sort_by_key(|name| NAMES.iter().position(|known| known == name));
        names
    }

    #[test]
    fn a_mail_has_its_headers_and_both_bodies() {
        let message = message("ada@example.com", "Your order", "Thank you, Zo\u{eb}");
        let mail = composed(&message);
        assert_eq!(names(&mail), NAMES);
        let headers = headers(&mail);
        let value = |name: &str| &*headers.iter().find(|(known, _)| known == name).unwrap().1;
        assert_eq!(value("Message-ID"), format!("<{}@example.com>", message.id));
        assert_eq!(value("Date"), "Tue, 14 Nov 2023 22:13:20 +0000");
        assert_eq!((value("From"), value("To")), ("Stoa <shop@example.com>", "ada@example.com"));
        assert_eq!(value("Subject"), "Your order");
        let kind = format!("multipart/alternative; boundary=\"{}\"", message.id.0.simple());
        assert_eq!(value("Content-Type").split_whitespace().collect::<Vec<_>>().join(" "), kind);
        let (plain, html) = (mail.find("text/plain").unwrap(), mail.find("text/html").unwrap());
        assert!(plain < html, "the last alternative is the preferred one (RFC 2046, section 5.1.4)");
        assert_eq!(mail, composed(&message), "the same each time");
    }

    #[test]
    fn a_line_break_in_a_header_adds_none() {
        let mail = composed(&message("ada@example.com", "Hi\r\nBcc: eve@example.com\r\n\r\n<b>", "x\r\n\r\ny"));
        assert_eq!(names(&mail), NAMES);
        assert!(!mail.contains("\r\nBcc"));
    }

    #[test]
    fn an_address_that_is_none_is_refused_for_good() {
        let from = "Stoa <shop@example.com>".parse().unwrap();
        for recipient in ["", "ada", "ada@", "ada@example.com\r\nBcc: eve@example.com", "a@b.c, d@e.f"] {
            let outcome = compose(&from, &message(recipient, "Hi", "x"));
            assert!(matches!(outcome, Err(Undelivered::ForGood(_))), "{recipient}");
        }
    }
}
