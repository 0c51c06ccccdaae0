kernel::failure! {
    /// Why notifications said no.
    pub enum Error {
        /// No such message.
        #[error("there is no such message")]
        DeliveryNotFound => NOT_FOUND,
        /// The message was not sent because of what its recipient chose.
        #[error("its recipient does not want it")]
        NotWanted => CONFLICT,
    }
}
