//! Accounts: who there is, what they may do, and what opens them.
pub(crate) mod passwords;
pub(crate) mod throttle;

use chrono::TimeDelta;
use kernel::{
    Caller, Clock, Condition, Context, Db, EmailAddress, Executor, Fault, Page, PageQuery, Refusal, Role, StartError,
    Tx, Violation, Violations,
};
use uuid::Uuid;

use crate::{
    Error, NewUser, SessionId, User, UserId, UserPatch,
    crypto::Hasher,
    forms,
    settings::Settings,
    store::{
        accounts::{self, Account},
        failures, sessions,
    },
};

/// What accounts are kept with.
pub(crate) struct Accounts {
    db: Db,
    clock: Clock,
    pub(crate) hasher: Hasher,
    /// How many wrong passwords an account may get in a window.
    attempts: i64,
    window: TimeDelta,
}

impl Accounts {
    pub(crate) fn new(context: &Context, settings: &Settings) -> Result<Self, StartError> {
        Ok(Self {
            db: context.db.clone(),
            clock: context.clock.clone(),
            hasher: Hasher::new(settings)?,
            attempts: settings.sign_in_attempts.into(),
            window: settings.window(),
        })
    }

    /// A transaction, for what is swept together.
    pub(crate) async fn begin(&self) -> Result<Tx, Fault> {
        Ok(self.db.begin().await?)
    }

    /// Forgets some of the wrong passwords of windows that are over; how many.
    pub(crate) async fn sweep(&self, tx: &mut Tx, most: i64) -> Result<u64, Fault> {
        let now = self.clock.shared(&mut *tx).await?;
        failures::sweep(tx, now - self.window, most).await
    }

    pub(crate) async fn create(&self, new: NewUser, role: Role) -> Result<User, Error> {
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
        if !accounts::create(&self.db, &account).await? {
            return Err(Error::EmailTaken);
        }
        tracing::info!(user.id = %account.user.id, user.role = ?role, "account opened");
        Ok(account.user)
    }

    pub(crate) async fn get(&self, id: UserId) -> Result<User, Error> {
        Ok(find(&self.db, id).await?.user)
    }

    pub(crate) async fn list(&self, page: PageQuery) -> Result<Page<User>, Error> {
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

    /// Changes the account of a session, and with its password ends every other one.
    pub(crate) async fn update(
        &self,
        (id, session): (UserId, SessionId),
        patch: UserPatch,
        if_match: &Condition,
    ) -> Result<User, Error> {
        let (seen, change) = self.patched(id, patch).await?;
        fresh(&seen.user, if_match)?;
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
        fresh(&account.user, if_match)?;
        if change.name == account.user.name && password.is_none() {
            return Ok(account.user);
        }
        if let Some(password) = password {
            if account.password != seen.password {
                // The password that was proven is no longer the present one.
                return Err(Error::Stale { version: account.user.version });
            }
            account.password = password;
            sessions::end_all(&mut tx, id, Some(session), self.clock.now()).await?;
            tracing::info!(user.id = %id, "password changed");
        }
        account.user.name = change.name;
        let user = accounts::update(&mut tx, &account).await?;
        tx.commit().await?;
        Ok(user)
    }

    pub(crate) async fn set_role(
        &self,
        caller: &Caller,
        id: UserId,
        role: Role,
        if_match: &Condition,
    ) -> Result<User, Error> {
        let mut tx = self.db.begin().await?;
        let admins = accounts::lock_admins(&mut tx, id).await?;
        let mut account = find(&mut tx, id).await?;
        if account.user.role == role {
            return Ok(account.user);
        }
        fresh(&account.user, if_match)?;
        if admins == [id] {
            return Err(Error::LastAdmin);
        }
        // Their session would end with the change, and the answer to a second attempt with it.
        if matches!(caller, Caller::User { id: own, .. } if *own == id.0) {
            return Err(Refusal::Forbidden.into());
        }
        account.user.role = role;
        let user = accounts::update(&mut tx, &account).await?;
        sessions::end_all(&mut tx, id, None, self.clock.now()).await?;
        tx.commit().await?;
        tracing::info!(user.id = %id, user.role = ?role, by = ?actor(caller), "role changed");
        Ok(user)
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
}

/// What a patch comes to.
struct Change {
    name: String,
    /// The new password and the present one.
    passwords: Option<(String, String)>,
}

async fn find(on: impl Executor<'_>, id: UserId) -> Result<Account, Error> {
    accounts::find(on, id).await?.ok_or(Error::UserNotFound)
}

/// Passes what may be done to the version that there is.
fn fresh(user: &User, if_match: &Condition) -> Result<(), Error> {
    if if_match.holds(Some(user.version)) { Ok(()) } else { Err(Error::Stale { version: user.version }) }
}

/// Who did it, for the log.
fn actor(caller: &Caller) -> Option<Uuid> {
    caller.account().ok()
}
