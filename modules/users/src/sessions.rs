//! Sessions: signing in, refreshing, signing out.
use kernel::{Caller, Checks, Email, Refusal, Role, Tx};
use sha2::{Digest, Sha256};

use crate::{
    Claims, Credentials, Error, ISSUER, Session, SessionId, Tokens, User, UserId, domain, encode,
    service::{Service, identity},
    store::{self, sessions},
};

/// A refresh token has this many characters, or is none of ours.
const TOKEN_LENGTH: usize = 43;

impl Service {
    pub(crate) async fn begin_session(&self, given: Credentials, user_agent: &str) -> Result<Tokens, Error> {
        let mut checks = Checks::new();
        // Any text: whether it is an address says nothing about whether it has an account.
        let email = checks.field("/email", domain::line(&given.email, 1, 254));
        let password = checks.field("/password", domain::attempt(given.password));
        let (email, password) = checks.finish(email.zip(password))?;
        let seen = store::find_by_email(&self.db, &Email::keys(&email)).await?;
        let stored = seen.as_ref().map(|account| &*account.password);
        if !self.opens(&email, password.clone(), stored).await? {
            return Err(Error::WrongCredentials);
        }
        let seen = seen.ok_or(Error::WrongCredentials)?;
        let renewed =
            if self.hasher.is_outdated(&seen.password) { Some(self.hasher.hash(password).await?) } else { None };
        let mut tx = self.db.begin().await?;
        // Looked at again under the lock: its role or its password may have changed, which ends its sessions.
        let account = store::lock(&mut tx, seen.user.id).await?.ok_or(Error::WrongCredentials)?;
        if account.password != seen.password {
            return Err(Error::WrongCredentials);
        }
        if let Some(renewed) = renewed {
            store::rehash(&mut tx, account.user.id, &renewed).await?;
        }
        let (now, expires_at) = self.span();
        let session = Session {
            id: SessionId::new(),
            current: true,
            user_agent: domain::user_agent(user_agent),
            created_at: now,
            refreshed_at: now,
            expires_at,
        };
        sessions::insert(&mut tx, account.user.id, &session).await?;
        self.hand_out(tx, account.user, session.id).await
    }

    /// Exchanges a token for the next, once.
    pub(crate) async fn rotate(&self, token: &str) -> Result<Tokens, Error> {
        if token.len() != TOKEN_LENGTH {
            return Err(Error::RefreshTokenInvalid);
        }
        let hash = hash(token);
        let (now, expires_at) = self.span();
        let mut tx = self.db.begin().await?;
        let id = sessions::of_token(&mut tx, &hash).await?.ok_or(Error::RefreshTokenInvalid)?;
        let owner = sessions::lock(&mut tx, id, now).await?.ok_or(Error::RefreshTokenInvalid)?;
        if !sessions::use_token(&mut tx, &hash, now).await? {
            // Two have it, and one of them is a thief: neither goes on (RFC 9700, section 4.14.2).
            sessions::end(&mut tx, id, owner, now).await?;
            tx.commit().await?;
            tracing::warn!(user.id = %owner, session.id = %id, "a refresh token came back; its session was ended");
            return Err(Error::RefreshTokenInvalid);
        }
        sessions::prolong(&mut tx, id, now, expires_at).await?;
        let account = store::find(&mut tx, owner).await?.ok_or(Error::RefreshTokenInvalid)?;
        self.hand_out(tx, account.user, id).await
    }

    /// Ends a session. One's own needs no proof that it is still on, so that ending it twice is answered alike.
    pub(crate) async fn end_session(&self, caller: &Caller, session: Option<SessionId>) -> Result<(), Error> {
        let (owner, own) = identity(caller)?;
        let id = session.unwrap_or(own);
        if id != own {
            self.vouched(caller).await?;
        }
        match sessions::end(&self.db, id, owner, self.clock.now()).await? {
            true => Ok(()),
            false if id == own => Err(Refusal::Unauthenticated.into()),
            false => Err(Error::SessionNotFound),
        }
    }

    /// Writes down the next refresh token of a session, and gives it away with an access token.
    async fn hand_out(&self, mut tx: Tx, user: User, session: SessionId) -> Result<Tokens, Error> {
        let (now, expires_at) = self.span();
        let refresh_token = encode(&rand::random::<[u8; 32]>());
        sessions::insert_token(&mut tx, &hash(&refresh_token), session, expires_at).await?;
        let access_token = self.access_token(user.id, session, user.role, now.timestamp())?;
        tx.commit().await?;
        Ok(Tokens { access_token, token_type: "Bearer".into(), expires_in: self.access, refresh_token, user })
    }

    fn access_token(&self, sub: UserId, sid: SessionId, role: Role, iat: i64) -> Result<String, Error> {
        let claims = Claims { sub, sid, role, iss: ISSUER.into(), iat, exp: iat + self.access };
        Ok(self.keys.sign(&claims)?)
    }

    /// From now until a session that is not refreshed has expired.
    fn span(&self) -> (chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>) {
        let now = self.clock.now();
        (now, now + self.refresh)
    }
}

/// What is stored of a refresh token: whoever reads it cannot use it. Its 256 random bits need no salt.
fn hash(token: &str) -> String {
    encode(&Sha256::digest(token))
}
