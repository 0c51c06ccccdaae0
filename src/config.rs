//! The configuration: defaults, then a file, then the environment, then the command line.
use std::{fmt::Write, path::Path};

use figment::{
    Figment, Metadata, Profile, Provider,
    providers::{Env, Format, Serialized, Toml},
    value::{Dict, Map, Value},
};
use kernel::StartError;

/// Every setting with its default: the manual.
const DEFAULTS: &str = include_str!("config.toml");
/// Read where it exists.
const FILE: &str = "stoa.toml";

/// Reads every layer; a setting that there is not is refused by name.
pub(crate) fn load(file: Option<&Path>, role: Option<&str>) -> Result<Figment, StartError> {
    if let Some(file) = file
        && !file.exists()
    {
        return Err(format!("`--config` names {}, which does not exist", file.display()).into());
    }
    let defaults = Figment::from(Toml::string(DEFAULTS));
    let given = Figment::new()
        .merge(Toml::file(file.unwrap_or(Path::new(FILE))))
        .merge(Aliases)
        .merge(Env::prefixed("STOA_").split("__"));
    let given = match role {
        Some(role) => given.merge(Named("--role", Serialized::default("role", role))),
        None => given,
    };
    let known: Dict = defaults.extract()?;
    let asked: Dict = given.extract()?;
    if let Some(stranger) = unknown(&known, &asked, "") {
        let source = given.find_metadata(&stranger).map_or_else(String::new, |from| format!(" ({})", from.name));
        return Err(format!("there is no setting `{stranger}`{source}; `stoa config` lists those there are").into());
    }
    let config = defaults.merge(given);
    let Ok(port) = Figment::from(Env::raw().only(&["PORT"])).extract_inner::<Value>("port") else { return Ok(config) };
    let port = port.to_u128().and_then(|port| u16::try_from(port).ok()).ok_or("`PORT` must be a port, 0 to 65535")?;
    let public: String = config.extract_inner("listen.public")?;
    let host = public.rsplit_once(':').map_or("127.0.0.1", |(host, _)| host);
    Ok(config.merge(Named("PORT", Serialized::default("listen.public", format!("{host}:{port}")))))
}

/// The first setting of `asked` that `known` does not have.
fn unknown(known: &Dict, asked: &Dict, at: &str) -> Option<String> {
    asked.iter().find_map(|(name, value)| {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        match (known.get(name), value) {
            // Names that the kernel checks, and a setting that every module has.
            _ if path.starts_with("peers.") || name == "database_url" => None,
            (None, _) => Some(path),
            (Some(Value::Dict(_, known)), Value::Dict(_, asked)) => unknown(known, asked, &path),
            _ => None,
        }
    })
}

/// The names that platforms give to settings.
struct Aliases;

impl Provider for Aliases {
    fn metadata(&self) -> Metadata {
        Metadata::named("ROLE, DATABASE_URL")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let env = Env::raw().only(&["ROLE", "DATABASE_URL"]);
        env.map(|name| if name == "DATABASE_URL" { "database.url".into() } else { name.into() }).split(".").data()
    }
}

/// A provider under a name of its own.
struct Named<P>(&'static str, P);

impl<P: Provider> Provider for Named<P> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0)
    }
    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        self.1.data()
    }
}

/// Every setting in force and where it comes from, secrets hidden: one line each.
pub(crate) fn describe(config: &Figment) -> Result<String, StartError> {
    let mut text = String::new();
    for (path, value) in leaves(&config.extract()?, "") {
        let source = config
            .find_metadata(&path)
            .map_or("", |from| if from.name.contains("TOML source") { "default" } else { &from.name });
        writeln!(text, "{path} = {}    # {source}", hidden(&path, &value))?;
    }
    Ok(text)
}

fn leaves(dict: &Dict, at: &str) -> Vec<(String, String)> {
    let path = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    let leaf = |name: &String, value: &Value| match value {
        Value::Dict(_, dict) => leaves(dict, &path(name)),
        value => vec![(path(name), serde_json::to_string(value).unwrap_or_default())],
    };
    dict.iter().flat_map(|(name, value)| leaf(name, value)).collect()
}

/// The value, unless it is one that only the shop should know.
fn hidden(path: &str, value: &str) -> String {
    let secret = ["secret", "password", "token", "key"].iter().any(|word| path.contains(word));
    match value {
        "\"\"" | "null" => value.to_owned(),
        _ if secret => "(hidden)".to_owned(),
        // PostgreSQL takes a password as a parameter, too.
        _ if value.contains("://") && value.contains("password=") => {
            let (address, _) = value.split_once('?').unwrap_or_default();
            format!("{}?(hidden)\"", hidden(path, address))
        }
        _ if value.contains("://") && value.contains('@') => without_logins(value),
        _ => value.to_owned(),
    }
}

/// Addresses without their passwords: what stands between each user and its host. A user alone is NATS's token.
fn without_logins(addresses: &str) -> String {
    let mut shown = String::new();
    let mut parts = addresses.split("://");
    shown.push_str(parts.next().unwrap_or_default());
    for part in parts {
        match part.rsplit_once('@') {
            Some((login, host)) => {
                let user = login.split_once(':').map_or_else(String::new, |(user, _)| format!("{user}:"));
                shown.push_str(&format!("://{user}(hidden)@{host}"));
            }
            None => shown.push_str(&format!("://{part}")),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dict(toml: &str) -> Dict {
        Figment::from(Toml::string(toml)).extract().unwrap()
    }

    #[test]
    fn a_setting_that_there_is_not_is_named() {
        let known = dict(DEFAULTS);
        assert_eq!(unknown(&known, &dict("[listen]\npubic = 'x'"), ""), Some("listen.pubic".into()));
        assert_eq!(unknown(&known, &dict("mod = 'dev'"), ""), Some("mod".into()));
        assert_eq!(unknown(&known, &dict("mode = 'dev'\n[peers]\norders = 'http://x'"), ""), None);
    }

    #[test]
    fn secrets_are_hidden() {
        assert_eq!(hidden("service_secret", "\"abc\""), "(hidden)");
        assert_eq!(hidden("database.url", "\"postgres://shop:pw@db/x\""), "\"postgres://shop:(hidden)@db/x\"");
        let several = "\"postgres://shop:p,w@one:5432,two:5433/x?sslmode=require\"";
        let shown = "\"postgres://shop:(hidden)@one:5432,two:5433/x?sslmode=require\"";
        assert_eq!(hidden("database.url", several), shown);
        let parameter = "\"postgres://one,two/x?user=shop&password=pw\"";
        assert_eq!(hidden("database.url", parameter), "\"postgres://one,two/x?(hidden)\"");
        let cluster = "\"nats://shop:pw@a:4222,tls://s3cret@b,nats://c\"";
        assert_eq!(hidden("events.url", cluster), "\"nats://shop:(hidden)@a:4222,tls://(hidden)@b,nats://c\"");
        assert_eq!(hidden("events.url", "\"nats://shop:pw@a,shop:pw@b\""), "\"nats://shop:(hidden)@b\"");
        assert_eq!(hidden("mode", "\"dev\""), "\"dev\"");
    }
}
