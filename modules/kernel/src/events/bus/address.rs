//! `events.url`: which servers there are, and who we are to them.
use async_nats::ServerAddr;
use percent_encoding::percent_decode_str;

use crate::StartError;

/// Who this process is to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Login {
    None,
    User(String, String),
    Token(String),
}

/// The servers of `events.url` without their login, which is the same for all: then nothing can log it.
pub(super) fn parse(url: &str) -> Result<(Vec<ServerAddr>, Login), StartError> {
    let mut servers = Vec::new();
    let mut login = None;
    for one in url.split(',') {
        let server = one.trim().parse::<ServerAddr>().ok();
        let server = server.filter(|server| matches!(server.scheme(), "nats" | "tls") && !server.host().is_empty());
        let server = server.ok_or("`events.url` must be nats://HOST or tls://HOST, or several with commas between")?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let own = match (server.username(), server.password()) {
            (None, _) => Login::None,
            (Some(token), None) => Login::Token(decoded(token)),
            (Some(user), Some(password)) => Login::User(decoded(user), decoded(password)),
        };
        if login.get_or_insert_with(|| own.clone()) != &own {
            return Err("`events.url` must have the same user and password for every server".into());
        }
        let mut address = server.into_inner();
        if address.set_username("").and_then(|()| address.set_password(None)).is_err() {
            return Err("`events.url` must have a host in every address".into());
        }
        servers.push(ServerAddr::from_url(address)?);
    }
    Ok((servers, login.unwrap_or(Login::None)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_and_their_login_kept_apart() {
        let (servers, login) = parse("nats://shop:p%40ss@a:4222, tls://shop:p%40ss@b").unwrap();
        let hosts: Vec<_> = servers.iter().map(ServerAddr::as_url_str).collect();
        assert_eq!(hosts, ["nats://a:4222", "tls://b"]);
        assert_eq!(login, Login::User("shop".into(), "p@ss".into()));
        assert_eq!(parse("nats://s3cret@a").unwrap().1, Login::Token("s3cret".into()));
        assert_eq!(parse("a:4222").unwrap().1, Login::None);
        for refused in ["http://a", "nats://", "nats://a,", "nats://a:b@c,nats://a:d@e"] {
            assert!(parse(refused).unwrap_err().to_string().contains("`events.url`"), "{refused}");
        }
    }
}
