//! Wrong passwords, and when there have been too many.
use crate::{Error, domain, service::Service, store::failures};

impl Service {
    /// Whether `password` opens the account of `email`, which may not exist. `Err` is too many wrong ones.
    ///
    /// The answer to a guess is only told while there were fewer than so many wrong ones: a right one among
    /// many at once is refused like the others.
    pub(crate) async fn opens(&self, email: &str, password: String, stored: Option<&str>) -> Result<bool, Error> {
        let key = domain::account_key(email);
        self.unthrottled(&key).await?;
        if self.hasher.fits(password, stored).await? {
            self.unthrottled(&key).await?;
            failures::forget(&self.db, &key, self.attempts).await?;
            return Ok(true);
        }
        let now = self.clock.shared(&self.db).await?;
        let (count, began_at) = failures::count(&self.db, &key, now, now - self.window).await?;
        if count > self.attempts {
            return Err(Error::TooManyAttempts { retry_after: domain::retry_after(began_at, self.window, now) });
        }
        Ok(false)
    }

    async fn unthrottled(&self, key: &str) -> Result<(), Error> {
        let now = self.clock.shared(&self.db).await?;
        match failures::since(&self.db, key, self.attempts, now - self.window).await? {
            None => Ok(()),
            Some(began_at) => {
                Err(Error::TooManyAttempts { retry_after: domain::retry_after(began_at, self.window, now) })
            }
        }
    }
}
