//! Accounts: who there is, and what they may do. Sessions and addresses are in files of their own.
use chrono::TimeDelta;
use kernel::{
    Caller, Clock, Condition, Context, Db, EmailAddress, Executor, Fault, Page, PageQuery, Refusal, Role, StartError,
    Violation, Violations, async_trait,
};
use uuid::Uuid;

use crate::{
    Address, AddressId, Config, Contact, Credentials, Error, NewAddress, NewUser, Session, SessionId, Tokens, User,
    UserId, UserPatch, Users, VerifyingKey,
    accounts::passwords,
    crypto::{Hasher, Keys, Successors},
    forms,
    store::{
        self,
        accounts::{self, Account},
    },
};

/// The module at work.
pub(crate) struct Service {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) keys: Keys,
    pub(crate) hasher: Hasher,
    /// How long an access token is good, in seconds.
    pub(crate) access: i64,
    /// How long a session lasts after it was last refreshed.
    pub(crate) refresh: TimeDelta,
    /// How long after a refresh token was used it may be used again.
    pub(crate) grace: TimeDelta,
    pub(crate) successors: Successors,
    /// How many wrong passwords an account may get in a window.
    pub(crate) attempts: i64,
    pub(crate) window: TimeDelta,
}

impl Service {
    /// The module in this process.
    pub(crate) fn new(context: &Context, config: Config) -> Result<Self, StartError> {
        let hasher = Hasher::new(&config)?;
        let secret = context.secret("signing_secret", config.signing_secret)?;
        let previous = config.previous_signing_secret.filter(|previous| !previous.is_empty());
        let previous = previous.map(|given| context.secret("previous_signing_secret", Some(given))).transpose()?;
        Ok(Self {
            db: context.db.clone(),
            clock: context.clock.clone(),
            keys: Keys::new(&secret, previous.as_deref())?,
            successors: Successors::new(&secret, previous.as_deref()),
            hasher,
            access: within("access_token_seconds", config.access_token_seconds, 86_400)?,
            refresh: TimeDelta::days(within("refresh_token_days", config.refresh_token_days, 3_650)?),
            grace: TimeDelta::seconds(grace(config.refresh_grace_seconds)?),
            attempts: within("sign_in_attempts", config.sign_in_attempts, 1_000_000)?,
            window: TimeDelta::minutes(within("sign_in_window_minutes", config.sign_in_window_minutes, 10_080)?),
        })
    }

    /// The account and the session that ask, if the session is still on: its access token may outlive it.
    pub(crate) async fn vouched(&self, caller: &Caller) -> Result<(UserId, SessionId), Error> {
        let (id, session) = identity(caller)?;
        if store::sessions::is_live(&self.db, session, id, self.clock.now()).await? {
            Ok((id, session))
        } else {
            Err(Refusal::Unauthenticated.into())
        }
    }

    /// Passes those with `role` or more whose session is still on, and the shop itself.
    async fn at_least(&self, caller: &Caller, role: Role) -> Result<(), Error> {
        caller.at_least(role)?;
        if *caller != Caller::System {
            self.vouched(caller).await?;
        }
        Ok(())
    }

    async fn open(&self, new: NewUser, role: Role) -> Result<User, Error> {
        let NewUser { email, password, name } = new;
        let mut checks = Violations::new();
        let judged = passwords::check(password, &email, &name);
        let parsed = checks.field("/email", email.parse::<EmailAddress>());
        let password = checks.field("/password", judged);
        let name = checks.field("/name", forms::Name::read(&name));
        let (parsed, password, name) = checks.finish(parsed.zip(password).zip(name).map(|((e, p), n)| (e, p, n)))?;
        // Asked before the password is hashed, which costs; decided by the insertion.
        if accounts::find_by_email(&self.db, &EmailAddress::keys(&email)).await?.is_some() {
            return Err(Error::EmailTaken);
        }
        let password = self.hasher.hash(password).await?;
        let (email_key, email) = (parsed.key(), parsed.into());
        let user = User { id: UserId::new(), email, name, role, version: 1, created_at: self.clock.now() };
        let account = Account { user, email_key, password };
        if !accounts::insert(&self.db, &account).await? {
            return Err(Error::EmailTaken);
        }
        tracing::info!(user.id = %account.user.id, user.role = ?role, "account opened");
        Ok(account.user)
    }

    /// What is to become of an account, without its new password.
    async fn patched(&self, id: UserId, patch: UserPatch) -> Result<(Account, Change), Error> {
        let account = find(&self.db, id).await?;
        let mut checks = Violations::new();
        let name = match patch.name {
            Some(name) => checks.field("/name", forms::Name::read(&name)),
            None => Some(account.user.name.clone()),
        };
        let shown = name.as_deref().unwrap_or_default();
        let password = patch.password.map(|given| passwords::check(given, &account.user.email, shown)).transpose();
        let password = checks.field("/password", password);
        let current = patch.current_password.map(forms::Attempt::read).transpose();
        let current = checks.field("/current_password", current);
        let complete = !matches!((&password, &current), (Some(Some(_)), Some(None)));
        checks.ensure(complete, "/current_password", "required", "is needed to change the password");
        let passwords = password.zip(current).map(|(password, current)| password.zip(current));
        let change = name.zip(passwords).map(|(name, passwords)| Change { name, passwords });
        Ok((account, checks.finish(change)?))
    }

    /// Deletes some of what has expired; true if there may be more.
    pub(crate) async fn sweep(&self) -> bool {
        const MOST: i64 = 500;
        let swept: Result<u64, Fault> = async {
            let (now, shared) = (self.clock.now(), self.clock.shared(&self.db).await?);
            let mut tx = self.db.begin().await?;
            let swept = store::sessions::sweep(&mut tx, now, MOST).await?;
            store::addresses::sweep(&mut tx, now - crate::addresses::MEMORY).await?;
            store::failures::sweep(&mut tx, shared - self.window).await?;
            tx.commit().await?;
            Ok(swept)
        }
        .await;
        // A failure has been logged; the next sweep tries again.
        swept.is_ok_and(|swept| i64::try_from(swept).unwrap_or_default() == MOST)
    }
}

/// A setting from 1 to `most`.
fn within(setting: &str, given: u32, most: u32) -> Result<i64, StartError> {
    let good = (1..=most).contains(&given);
    good.then_some(given.into()).ok_or_else(|| format!("`users.{setting}` must be 1 to {most}").into())
}

/// Longer than a minute is no mishap of two tabs any more.
fn grace(seconds: u32) -> Result<i64, StartError> {
    let good = seconds <= 60;
    good.then_some(seconds.into()).ok_or_else(|| "`users.refresh_grace_seconds` must be 0 to 60".into())
}

/// What a patch comes to.
struct Change {
    name: String,
    /// The new password and the present one.
    passwords: Option<(String, String)>,
}

/// The account and the session that a caller claims.
pub(crate) fn identity(caller: &Caller) -> Result<(UserId, SessionId), Refusal> {
    match caller {
        Caller::User { id, session, .. } => Ok((UserId(*id), SessionId(*session))),
        other => Err(other.account().err().unwrap_or(Refusal::Unauthenticated)),
    }
}

async fn find(on: impl Executor<'_>, id: UserId) -> Result<Account, Error> {
    accounts::find(on, id).await?.ok_or(Error::UserNotFound)
}

/// Passes what may be done to the version that there is.
fn fresh(user: &User, if_match: &Condition) -> Result<(), Error> {
    if if_match.holds(Some(user.version)) { Ok(()) } else { Err(Error::Stale { version: user.version }) }
}

#[async_trait]
impl Users for Service {
    async fn register(&self, user: NewUser) -> Result<User, Error> {
        self.open(user, Role::Customer).await
    }

    async fn create(&self, caller: Caller, user: NewUser, role: Role) -> Result<User, Error> {
        self.at_least(&caller, Role::Admin).await?;
        self.open(user, role).await
    }

    async fn sign_in(&self, credentials: Credentials, user_agent: String) -> Result<Tokens, Error> {
        self.begin_session(credentials, &user_agent).await
    }

    async fn refresh(&self, refresh_token: String, key: Option<String>) -> Result<Tokens, Error> {
        self.rotate(&refresh_token, key.as_deref()).await
    }

    async fn sign_out(&self, caller: Caller, session: Option<SessionId>) -> Result<(), Error> {
        self.end_session(&caller, session).await
    }

    async fn sessions(&self, caller: Caller) -> Result<Vec<Session>, Error> {
        let (id, session) = self.vouched(&caller).await?;
        Ok(store::sessions::list(&self.db, id, session, self.clock.now()).await?)
    }

    async fn get(&self, caller: Caller, id: UserId) -> Result<User, Error> {
        match &caller {
            Caller::User { id: own, .. } if *own == id.0 => drop(self.vouched(&caller).await?),
            _ => self.at_least(&caller, Role::Staff).await?,
        }
        Ok(find(&self.db, id).await?.user)
    }

    async fn list(&self, caller: Caller, page: PageQuery) -> Result<Page<User>, Error> {
        self.at_least(&caller, Role::Staff).await?;
        let (limit, after) = page.read::<String>()?;
        let after = after.unwrap_or_default();
        if after.contains(char::is_control) {
            return Err(Violation::new("broken_cursor", "is not the `next` of any page of this list")
                .at("?cursor")
                .into());
        }
        let users = accounts::list(&self.db, &after, limit + 1).await?;
        Ok(Page::new(users, limit, |listed| listed.email_key.clone()).map(|listed| listed.user))
    }

    async fn update(&self, caller: Caller, patch: UserPatch, if_match: Condition) -> Result<User, Error> {
        let (id, session) = self.vouched(&caller).await?;
        let (seen, change) = self.patched(id, patch).await?;
        fresh(&seen.user, &if_match)?;
        // Outside the transaction: hashing takes long, and SQLite has one writer.
        let password = match change.passwords {
            None => None,
            Some((password, current)) => {
                if !self.opens(&seen.user.email, current, Some(&seen.password)).await? {
                    return Err(Violation::new("wrong_password", "is not your password")
                        .at("/current_password")
                        .into());
                }
                Some(self.hasher.hash(password).await?)
            }
        };
        let mut tx = self.db.begin().await?;
        let mut account = accounts::lock(&mut tx, id).await?.ok_or(Error::UserNotFound)?;
        fresh(&account.user, &if_match)?;
        if change.name == account.user.name && password.is_none() {
            return Ok(account.user);
        }
        if let Some(password) = password {
            if account.password != seen.password {
                // The password that was proven is no longer the present one.
                return Err(Error::Stale { version: account.user.version });
            }
            account.password = password;
            store::sessions::end_all(&mut tx, id, Some(session), self.clock.now()).await?;
            tracing::info!(user.id = %id, "password changed");
        }
        account.user.name = change.name;
        let user = accounts::update(&mut tx, &account).await?;
        tx.commit().await?;
        Ok(user)
    }

    async fn set_role(&self, caller: Caller, id: UserId, role: Role, if_match: Condition) -> Result<User, Error> {
        self.at_least(&caller, Role::Admin).await?;
        let mut tx = self.db.begin().await?;
        let admins = accounts::lock_admins(&mut tx, id).await?;
        let mut account = find(&mut tx, id).await?;
        if account.user.role == role {
            return Ok(account.user);
        }
        fresh(&account.user, &if_match)?;
        if admins == [id] {
            return Err(Error::LastAdmin);
        }
        // Their session would end with the change, and the answer to a second attempt with it.
        if matches!(&caller, Caller::User { id: own, .. } if *own == id.0) {
            return Err(Refusal::Forbidden.into());
        }
        account.user.role = role;
        let user = accounts::update(&mut tx, &account).await?;
        store::sessions::end_all(&mut tx, id, None, self.clock.now()).await?;
        tx.commit().await?;
        tracing::info!(user.id = %id, user.role = ?role, by = ?actor(&caller), "role changed");
        Ok(user)
    }

    async fn addresses(&self, caller: Caller) -> Result<Vec<Address>, Error> {
        let (owner, _) = self.vouched(&caller).await?;
        Ok(store::addresses::list(&self.db, owner).await?)
    }

    async fn add_address(&self, caller: Caller, address: NewAddress) -> Result<Address, Error> {
        self.put_address(&caller, None, address).await
    }

    async fn set_address(&self, caller: Caller, id: AddressId, address: NewAddress) -> Result<Address, Error> {
        self.put_address(&caller, Some(id), address).await
    }

    async fn remove_address(&self, caller: Caller, id: AddressId) -> Result<(), Error> {
        self.drop_address(&caller, id).await
    }

    async fn contact(&self, id: UserId) -> Result<Contact, Error> {
        let User { email, name, .. } = find(&self.db, id).await?.user;
        Ok(Contact { email, name })
    }

    async fn keys(&self) -> Result<Vec<VerifyingKey>, Error> {
        Ok(self.keys.verifying().to_vec())
    }
}

/// Who did it, for the log.
fn actor(caller: &Caller) -> Option<Uuid> {
    caller.account().ok()
}
