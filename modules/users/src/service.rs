//! The module behind its trait: who may do what, and in which room it is done.
use kernel::{Caller, Condition, Context, Fault, Page, PageQuery, Role, StartError, async_trait};

use crate::{
    Address, AddressId, Contact, Credentials, Error, NewAddress, NewUser, Session, SessionId, Tokens, User, UserId,
    UserPatch, Users, VerifyingKey, accounts::Accounts, addresses::Addresses, sessions::Sessions, settings::Settings,
};

/// How much of each kind is swept at a time, so that nobody waits for long.
const SWEPT: i64 = 500;

/// Accounts, sessions and address books.
pub(crate) struct Service {
    pub(crate) accounts: Accounts,
    pub(crate) sessions: Sessions,
    pub(crate) addresses: Addresses,
}

impl Service {
    pub(crate) fn new(context: &Context, settings: Settings) -> Result<Self, StartError> {
        let settings = settings.checked()?;
        Ok(Self {
            accounts: Accounts::new(context, &settings)?,
            sessions: Sessions::new(context, settings)?,
            addresses: Addresses::new(context),
        })
    }

    /// Deletes some of what has expired; true if there may be more.
    pub(crate) async fn sweep(&self) -> bool {
        let swept: Result<bool, Fault> = async {
            let mut tx = self.accounts.begin().await?;
            let [sessions, tokens] = self.sessions.sweep(&mut tx, SWEPT).await?;
            let addresses = self.addresses.sweep(&mut tx, SWEPT).await?;
            let failures = self.accounts.sweep(&mut tx, SWEPT).await?;
            tx.commit().await?;
            Ok([sessions, tokens, addresses, failures].contains(&SWEPT.unsigned_abs()))
        }
        .await;
        // A failure has been logged; the next sweep tries again.
        swept.unwrap_or_default()
    }
}

#[async_trait]
impl Users for Service {
    async fn register(&self, user: NewUser) -> Result<User, Error> {
        self.accounts.create(user, Role::Customer).await
    }

    async fn create(&self, caller: Caller, user: NewUser, role: Role) -> Result<User, Error> {
        self.sessions.at_least(&caller, Role::Admin).await?;
        self.accounts.create(user, role).await
    }

    async fn sign_in(&self, credentials: Credentials, user_agent: String) -> Result<Tokens, Error> {
        self.sessions.sign_in(&self.accounts, credentials, &user_agent).await
    }

    async fn refresh(&self, refresh_token: String, key: Option<String>) -> Result<Tokens, Error> {
        self.sessions.refresh(&refresh_token, key.as_deref()).await
    }

    async fn sign_out(&self, caller: Caller, session: Option<SessionId>) -> Result<(), Error> {
        self.sessions.sign_out(&caller, session).await
    }

    async fn sessions(&self, caller: Caller) -> Result<Vec<Session>, Error> {
        let own = self.sessions.authenticated(&caller).await?;
        self.sessions.list(own).await
    }

    async fn get(&self, caller: Caller, id: UserId) -> Result<User, Error> {
        match &caller {
            Caller::User { id: own, .. } if *own == id.0 => drop(self.sessions.authenticated(&caller).await?),
            _ => self.sessions.at_least(&caller, Role::Staff).await?,
        }
        self.accounts.get(id).await
    }

    async fn list(&self, caller: Caller, page: PageQuery) -> Result<Page<User>, Error> {
        self.sessions.at_least(&caller, Role::Staff).await?;
        self.accounts.list(page).await
    }

    async fn update(&self, caller: Caller, patch: UserPatch, if_match: Condition) -> Result<User, Error> {
        let own = self.sessions.authenticated(&caller).await?;
        self.accounts.update(own, patch, &if_match).await
    }

    async fn set_role(&self, caller: Caller, id: UserId, role: Role, if_match: Condition) -> Result<User, Error> {
        self.sessions.at_least(&caller, Role::Admin).await?;
        self.accounts.set_role(&caller, id, role, &if_match).await
    }

    async fn addresses(&self, caller: Caller) -> Result<Vec<Address>, Error> {
        let (owner, _) = self.sessions.authenticated(&caller).await?;
        self.addresses.list(owner).await
    }

    async fn add_address(&self, caller: Caller, address: NewAddress) -> Result<Address, Error> {
        let (owner, _) = self.sessions.authenticated(&caller).await?;
        self.addresses.add_address(owner, address).await
    }

    async fn set_address(&self, caller: Caller, id: AddressId, address: NewAddress) -> Result<Address, Error> {
        let (owner, _) = self.sessions.authenticated(&caller).await?;
        self.addresses.set_address(owner, id, address).await
    }

    async fn remove_address(&self, caller: Caller, id: AddressId) -> Result<(), Error> {
        let (owner, _) = self.sessions.authenticated(&caller).await?;
        self.addresses.remove_address(owner, id).await
    }

    async fn contact(&self, id: UserId) -> Result<Contact, Error> {
        let User { email, name, .. } = self.accounts.get(id).await?;
        Ok(Contact { email, name })
    }

    async fn keys(&self) -> Result<Vec<VerifyingKey>, Error> {
        Ok(self.sessions.keys.verifying().to_vec())
    }
}
