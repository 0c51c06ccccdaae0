//! Sessions: signing in, refreshing, signing out.
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Caller, Clock, Context, Db, Digest, EmailAddress, Fault, Refusal, Role, StartError, Tx, Violations};

use crate::failpoints::{reach, refresh};
use crate::{
    Claims, Credentials, Error, ISSUER, Session, SessionId, Tokens, User, UserId,
    accounts::Accounts,
    crypto::{Keys, RefreshTokens},
    encode, forms,
    settings::Settings,
    store::{
        accounts,
        sessions::{self, Rotation},
    },
};

/// How long a refresh may be repeated under its key: well after the edge lets it run again, should the first run die.
const RETRY: TimeDelta = TimeDelta::minutes(5);

/// How much of what a client says of itself is kept, in characters.
const USER_AGENT_LENGTH: usize = 200;

/// What sessions are kept with.
pub(crate) struct Sessions {
    db: Db,
    clock: Clock,
    pub(crate) keys: Keys,
    refresh_tokens: RefreshTokens,
    /// How long an access token is good, in seconds.
    access: i64,
    /// How long a session lasts after it was last refreshed.
    lifetime: TimeDelta,
    /// How long after a refresh token was used it may be used again.
    grace: TimeDelta,
}

impl Sessions {
    pub(crate) fn new(context: &Context, settings: Settings) -> Result<Self, StartError> {
        let (access, lifetime, grace) = (settings.access_token_seconds.into(), settings.refresh(), settings.grace());
        let secret = context.secret("signing_secret", settings.signing_secret)?;
        let previous = settings.previous_signing_secret.filter(|previous| !previous.is_empty());
        let previous = previous.map(|given| context.secret("previous_signing_secret", Some(given))).transpose()?;
        Ok(Self {
            db: context.db.clone(),
            clock: context.clock.clone(),
            keys: Keys::new(&secret, previous.as_deref())?,
            refresh_tokens: RefreshTokens::new(&secret, previous.as_deref()),
            access,
            lifetime,
            grace,
        })
    }

    /// The account and the session that ask, if the session is still on: its access token may outlive it.
    pub(crate) async fn authenticated(&self, caller: &Caller) -> Result<(UserId, SessionId), Error> {
        let (id, session) = identity(caller)?;
        if sessions::is_live(&self.db, session, id, self.clock.now()).await? {
            Ok((id, session))
        } else {
            Err(Refusal::Unauthenticated.into())
        }
    }

    /// Passes those with `role` or more whose session is still on, and the shop itself.
    pub(crate) async fn at_least(&self, caller: &Caller, role: Role) -> Result<(), Error> {
        caller.at_least(role)?;
        if *caller != Caller::System {
            self.authenticated(caller).await?;
        }
        Ok(())
    }

    pub(crate) async fn sign_in(
        &self,
        people: &Accounts,
        given: Credentials,
        user_agent: &str,
    ) -> Result<Tokens, Error> {
        let mut checks = Violations::new();
        // Any text: whether it is an address says nothing about whether it has an account.
        let email = checks.field("/email", forms::Login::read(&given.email));
        let password = checks.field("/password", forms::Attempt::read(given.password));
        let (email, password) = checks.finish(email.zip(password))?;
        let seen = accounts::find_by_email(&self.db, &EmailAddress::keys(&email)).await?;
        let stored = seen.as_ref().map(|account| &*account.password);
        if !people.opens(&email, password.clone(), stored).await? {
            return Err(Error::WrongCredentials);
        }
        let seen = seen.ok_or(Error::WrongCredentials)?;
        let renewed =
            if people.hasher.is_outdated(&seen.password) { Some(people.hasher.hash(password).await?) } else { None };
        let mut tx = self.db.begin().await?;
        // Looked at again under the lock: its role or its password may have changed, which ends its sessions.
        let account = accounts::lock(&mut tx, seen.user.id).await?.ok_or(Error::WrongCredentials)?;
        if account.password != seen.password {
            return Err(Error::WrongCredentials);
        }
        if let Some(renewed) = renewed {
            accounts::rehash(&mut tx, account.user.id, &renewed).await?;
        }
        let (now, expires_at) = self.span();
        let session = Session {
            id: SessionId::new(),
            current: true,
            user_agent: self::user_agent(user_agent),
            created_at: now,
            refreshed_at: now,
            expires_at,
        };
        sessions::create(&mut tx, account.user.id, &session).await?;
        let first = encode(&rand::random::<[u8; 32]>());
        let tokens = self.issue(&mut tx, account.user, session.id, first).await?;
        tx.commit().await?;
        Ok(tokens)
    }

    /// Exchanges a token for the next, once; asked for it again at once, it gives the same.
    pub(crate) async fn refresh(&self, token: &str, key: Option<&str>) -> Result<Tokens, Error> {
        if !forms::Token::fits(token.as_bytes()) {
            return Err(Error::RefreshTokenInvalid);
        }
        let (hash, (now, expires_at), came) = (hash(token), self.span(), Instant::now());
        let seen = sessions::of_token(&self.db, &hash).await?;
        let (id, seen_used) = seen.ok_or(Error::RefreshTokenInvalid)?;
        let mut tx = self.db.begin().await?;
        let owner = sessions::lock(&mut tx, id, now).await?.ok_or(Error::RefreshTokenInvalid)?;
        let account = accounts::find(&mut tx, owner).await?.ok_or(Error::RefreshTokenInvalid)?;
        // Late, so that whoever came while this went on is seen to have come at once with it.
        let at = self.clock.shared(&mut tx).await?;
        let rotation = Rotation { at, key: key.map(|key| Digest::keyed(token, key).base64url()) };
        if sessions::rotate(&mut tx, &hash, &rotation, now).await? {
            sessions::refresh(&mut tx, id, now, expires_at).await?;
            let next = self.refresh_tokens.next(token).next().ok_or_else(|| Fault::internal("no secret"))?;
            let tokens = self.issue(&mut tx, account.user, id, next).await?;
            reach(refresh::uncommitted);
            tx.commit().await?;
            reach(refresh::committed);
            return Ok(tokens);
        }
        // Whoever came while it was being used could not have heard of it: two tabs ask at once.
        let came = at - TimeDelta::from_std(came.elapsed()).unwrap_or_default();
        if let Some(next) = self.again(&mut tx, token, &Rotation { at: came, ..rotation }, !seen_used).await? {
            return self.show(account.user, id, next);
        }
        // Two have it, and one of them is a thief: neither goes on (RFC 9700, section 4.14.2).
        sessions::end(&mut tx, id, owner, now).await?;
        tx.commit().await?;
        tracing::warn!(user.id = %owner, session.id = %id, "a refresh token came back; its session was ended");
        Err(Error::RefreshTokenInvalid)
    }

    /// What a used token was exchanged for, if whoever sends it may well not have heard that.
    ///
    /// Once that was used it was heard: then the token is a copy, however soon it comes.
    async fn again(&self, tx: &mut Tx, token: &str, asked: &Rotation, at_once: bool) -> Result<Option<String>, Error> {
        let Some(first) = sessions::rotation(tx, &hash(token)).await? else { return Ok(None) };
        let patience = if asked.key.is_some() && asked.key == first.key { RETRY.max(self.grace) } else { self.grace };
        if !at_once && asked.at > first.at + patience {
            return Ok(None);
        }
        for next in self.refresh_tokens.next(token) {
            match sessions::is_unused(tx, &hash(&next), self.clock.now()).await? {
                None => {}
                Some(unused) => return Ok(unused.then_some(next)),
            }
        }
        Err(Fault::unavailable("a refresh token was exchanged by a replica with another signing secret").into())
    }

    /// Ends a session. One's own needs no proof that it is still on, so that ending it twice is answered alike.
    pub(crate) async fn sign_out(&self, caller: &Caller, session: Option<SessionId>) -> Result<(), Error> {
        let (owner, own) = identity(caller)?;
        let id = session.unwrap_or(own);
        if id != own {
            self.authenticated(caller).await?;
        }
        match sessions::end(&self.db, id, owner, self.clock.now()).await? {
            true => Ok(()),
            false if id == own => Err(Refusal::Unauthenticated.into()),
            false => Err(Error::SessionNotFound),
        }
    }

    pub(crate) async fn list(&self, (owner, current): (UserId, SessionId)) -> Result<Vec<Session>, Error> {
        Ok(sessions::list(&self.db, owner, current, self.clock.now()).await?)
    }

    /// Deletes some of what has expired; how much of each kind.
    pub(crate) async fn sweep(&self, tx: &mut Tx, most: i64) -> Result<[u64; 2], Fault> {
        sessions::sweep(tx, self.clock.now(), most).await
    }

    /// Writes down the next refresh token of a session, to be given away once that is committed.
    async fn issue(&self, tx: &mut Tx, user: User, session: SessionId, next: String) -> Result<Tokens, Error> {
        let (_, expires_at) = self.span();
        sessions::create_token(tx, &hash(&next), session, expires_at).await?;
        self.show(user, session, next)
    }

    /// A session as its owner gets it, with an access token from now.
    fn show(&self, user: User, session: SessionId, refresh_token: String) -> Result<Tokens, Error> {
        let access_token = self.access_token(user.id, session, user.role, self.clock.now().timestamp())?;
        Ok(Tokens { access_token, token_type: "Bearer".into(), expires_in: self.access, refresh_token, user })
    }

    fn access_token(&self, sub: UserId, sid: SessionId, role: Role, iat: i64) -> Result<String, Error> {
        let claims = Claims { sub, sid, role, iss: ISSUER.into(), iat, exp: iat + self.access };
        Ok(self.keys.sign(&claims)?)
    }

    /// From now until a session that is not refreshed has expired.
    fn span(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        let now = self.clock.now();
        (now, now + self.lifetime)
    }
}

/// What is stored of a refresh token: whoever reads it cannot use it. Its 256 random bits need no salt.
fn hash(token: &str) -> String {
    Digest::of(token).base64url()
}

/// What a client says of itself, cut to what a list shows.
fn user_agent(given: &str) -> String {
    given.trim().chars().filter(|c| !c.is_control()).take(USER_AGENT_LENGTH).collect()
}

/// The account and the session that a caller claims.
fn identity(caller: &Caller) -> Result<(UserId, SessionId), Refusal> {
    match caller {
        Caller::User { id, session, .. } => Ok((UserId(*id), SessionId(*session))),
        other => Err(other.account().err().unwrap_or(Refusal::Unauthenticated)),
    }
}
