//! E-mail into a folder: one `.eml` file a message (RFC 5322), which any mail program opens.
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use kernel::{EmailAddress, StartError};
use lettre::{
    Address, Message as Mail,
    address::AddressError,
    message::{
        Mailbox as Sender, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{Channel, Message, Undelivered};
use crate::failpoints::{mail, reach};

/// A folder of mail.
pub(crate) struct Mailbox {
    folder: PathBuf,
    from: Sender,
}

impl Mailbox {
    pub(crate) async fn open(folder: PathBuf, from: Sender) -> Result<Self, StartError> {
        let refused = |error| format!("the mailbox {} in `data_dir` cannot be used: {error}", folder.display());
        tokio::fs::create_dir_all(&folder).await.map_err(refused)?;
        Ok(Self { folder, from })
    }
}

#[kernel::async_trait]
impl Channel for Mailbox {
    async fn send(&self, message: &Message) -> Result<(), Undelivered> {
        let bytes = compose(&self.from, message)?.formatted();
        let (folder, path) = (self.folder.clone(), self.folder.join(format!("{}.eml", message.id)));
        let put = spawn_blocking(move || put(&folder, &path, &bytes)).await.map_err(io::Error::from);
        put.flatten().map_err(|error| Undelivered::ForNow(error.to_string()))
    }
}

/// The message as it goes over the wire; the same one each time, down to its boundary.
fn compose(from: &Sender, message: &Message) -> Result<Mail, Undelivered> {
    let never = |error: &dyn std::error::Error| Undelivered::ForGood(error.to_string());
    // Of an order that release 0.1.0 took, it may be none.
    let to: EmailAddress = message.recipient.parse().map_err(|flaw| never(&flaw))?;
    let to = address(&to).map_err(|error| never(&error))?;
    // Nobody's holiday reply is for us (RFC 3834, section 5).
    let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into());
    let bodies = MultiPart::alternative()
        .boundary(message.id.0.simple().to_string())
        .singlepart(SinglePart::plain(message.email.text.clone()))
        .singlepart(SinglePart::html(message.email.html.clone()));
    Mail::builder()
        .message_id(Some(format!("<{}@{}>", message.id, from.email.domain())))
        .date(message.created_at.into())
        .from(from.clone())
        // The address alone: a name is for its owner to choose, and no place for it is safer than none.
        .to(Sender::new(None, to))
        .subject(one_line(&message.email.subject))
        .raw_header(automatic)
        .multipart(bodies)
        .map_err(|error| never(&error))
}

/// The address as the library has it.
pub(crate) fn address(email: &EmailAddress) -> Result<Address, AddressError> {
    Address::new(email.local(), email.domain())
}

/// What cannot end a header.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Writes a file that appears whole or not at all, replaces the one that is there, and outlives the machine.
fn put(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension(format!("{}.tmp", Uuid::new_v4().simple()));
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    reach(mail::unfinished);
    fs::rename(&unfinished, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;
    use crate::{NotificationId, email::Email};

    fn message(recipient: &str, subject: &str, body: &str) -> Message {
        Message {
            id: NotificationId::new(),
            recipient: recipient.into(),
            email: Email { subject: subject.into(), text: body.into(), html: format!("<p>{body}</p>") },
            created_at: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
            attempts: 1,
        }
    }

    fn composed(message: &Message) -> String {
        let from = "Stoa <shop@example.com>".parse().unwrap();
        String::from_utf8(compose(&from, message).unwrap().formatted()).unwrap()
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
        for recipient in [
            "",
            "ada",
            "ada@",
            "ada@example.com\r\nBcc: eve@example.com",
            "a@b.c, d@e.f",
            "Ada <ada@example.com>",
            "ada@[127.0.0.1]",
            "a@b",
        ] {
            let outcome = compose(&from, &message(recipient, "Hi", "x"));
            let Err(Undelivered::ForGood(reason)) = outcome else { panic!("{recipient}") };
            assert!(!reason.contains("eve@") && !reason.contains('['), "no address in what is logged: {reason}");
        }
    }

    #[test]
    fn an_internationalised_domain_is_written_to_in_a_labels() {
        let mail = composed(&message("ada@b\u{fc}cher.de", "Hi", "x"));
        assert!(headers(&mail).contains(&("To".into(), "ada@xn--bcher-kva.de".into())));
    }

    /// What stands where in an address, and what should not.
    fn pieces() -> impl Strategy<Value = String> {
        let odd = [
            "\u{fc}", "\u{df}", "\u{130}", "\u{ad}", "\u{3002}", "xn--", "-", "_", "<", ">", "\"", "\\", "\n", " ",
            "[", ",",
        ];
        let odd = prop::sample::select(odd.to_vec()).prop_map(ToOwned::to_owned);
        let piece = prop_oneof![4 => "[a-zA-Z0-9.!#$%&'*+/=?^`{|}~-]{1,12}", 1 => odd, 1 => ".{0,3}"];
        prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn every_address_that_is_taken_makes_a_message_and_an_envelope(
            local in pieces(),
            host in pieces(),
            top in prop::sample::select(vec![".com", ".de", ".\u{4f8b}", ".xn--p1ai", ""]),
        ) {
            if let Ok(email) = format!("{local}@{host}{top}").parse::<EmailAddress>() {
                let from = "Stoa <shop@example.com>".parse().unwrap();
                let mail = compose(&from, &message(email.as_str(), "Hi", "x")).unwrap();
                let to: Vec<_> = mail.envelope().to().iter().map(ToString::to_string).collect();
                // What is ASCII needs nothing of the servers on the way (RFC 5321; SMTPUTF8 is RFC 6531).
                prop_assert!(email.as_str().is_ascii() && to == [email.as_str()]);
                let written = String::from_utf8(mail.formatted()).unwrap();
                prop_assert_eq!(names(&written), NAMES);
                let headers = headers(&written);
                let (_, header) = headers.iter().find(|(name, _)| name == "To").unwrap();
                prop_assert_eq!(header, email.as_str());
                prop_assert_eq!(email.as_str().parse::<EmailAddress>().unwrap(), email);
            }
        }
    }
}
