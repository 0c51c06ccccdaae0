//! Accounts in the database.
use kernel::{Executor, Fault, Role, Tx};
use sqlx::FromRow;

use crate::{User, UserId};

/// An account with what nobody else gets to see of it.
#[derive(FromRow)]
pub(crate) struct Account {
    #[sqlx(flatten)]
    pub(crate) user: User,
    /// Under which it is found; one that release 0.1.0 opened has another than its address would get today.
    pub(crate) email_key: String,
    /// Argon2id, as a PHC string.
    pub(crate) password: String,
}

/// Opens an account; false if the address has one.
pub(crate) async fn create(on: impl Executor<'_>, account: &Account) -> Result<bool, Fault> {
    let Account { user, email_key, password } = account;
    let created = on
        .query(
            "INSERT INTO users (id, email, email_key, name, password, role, version, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                 ON CONFLICT (email_key) DO NOTHING",
        )
        .bind(user.id)
        .bind(&*user.email)
        .bind(&**email_key)
        .bind(&*user.name)
        .bind(&**password)
        .bind(user.role)
        .bind(user.version)
        .bind(user.created_at)
        .execute()
        .await?;
    Ok(created == 1)
}

/// The account of an address that has these keys; the one of the first key where there are several.
pub(crate) async fn find_by_email(on: impl Executor<'_>, keys: &[String]) -> Result<Option<Account>, Fault> {
    let sql = "SELECT id, email, email_key, name, role, version, created_at, password
                 FROM users
                WHERE email_key IN ($*)";
    let found: Vec<Account> = on.query(sql).bind_list(keys.iter().cloned()).fetch_all().await?;
    Ok(found.into_iter().min_by_key(|account| keys.iter().position(|key| *key == account.email_key)))
}

const FIND: &str = "SELECT id, email, email_key, name, role, version, created_at, password FROM users WHERE id = $1";

/// One account.
pub(crate) async fn find(on: impl Executor<'_>, id: UserId) -> Result<Option<Account>, Fault> {
    on.query(FIND).bind(id).fetch_optional().await.map_err(Fault::from)
}

/// One account, and nobody else changes it, its sessions or its addresses until the transaction ends.
pub(crate) async fn lock(tx: &mut Tx, id: UserId) -> Result<Option<Account>, Fault> {
    tx.query(FIND).bind(id).for_update().fetch_optional().await.map_err(Fault::from)
}

/// The admins, and nobody else changes them or the account `id` until the transaction ends.
///
/// All in one order, so that two admins who demote each other wait instead of deadlocking.
pub(crate) async fn lock_admins(tx: &mut Tx, id: UserId) -> Result<Vec<UserId>, Fault> {
    let sql = "SELECT id, role FROM users WHERE role = 'admin' OR id = $1 ORDER BY id";
    let rows: Vec<(UserId, Role)> = tx.query(sql).bind(id).for_update().fetch_all().await?;
    Ok(rows.into_iter().filter(|(_, role)| *role == Role::Admin).map(|(id, _)| id).collect())
}

/// An account in a list, and the key that the list is in the order of.
#[derive(FromRow)]
pub(crate) struct Listed {
    #[sqlx(flatten)]
    pub(crate) user: User,
    pub(crate) email_key: String,
}

/// Accounts by address, the first after `after`.
pub(crate) async fn list(on: impl Executor<'_>, after: &str, limit: i64) -> Result<Vec<Listed>, Fault> {
    on.query(
        "SELECT id, email, email_key, name, role, version, created_at
           FROM users
          WHERE email_key > $1
          ORDER BY email_key
          LIMIT $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all()
    .await
    .map_err(Fault::from)
}

/// Writes what may change of an account, and counts its version up.
pub(crate) async fn update(tx: &mut Tx, account: &Account) -> Result<User, Fault> {
    tx.query(
        "UPDATE users
            SET name = $2, role = $3, password = $4, version = version + 1
          WHERE id = $1
      RETURNING id, email, name, role, version, created_at",
    )
    .bind(account.user.id)
    .bind(&*account.user.name)
    .bind(account.user.role)
    .bind(&*account.password)
    .fetch_one()
    .await
    .map_err(Fault::from)
}

/// Replaces the hash of a password by another of the same password.
pub(crate) async fn rehash(tx: &mut Tx, id: UserId, password: &str) -> Result<(), Fault> {
    tx.query("UPDATE users SET password = $2 WHERE id = $1")
        .bind(id)
        .bind(password)
        .execute()
        .await
        .map(drop)
        .map_err(Fault::from)
}
