//! Services that lie, to see that a simulation finds it.

/// What is taken away behind everybody's back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// The store says that an object is stored, and it is not.
    LoseObject,
    /// The catalog says that a commit has landed, and it has not.
    LoseCommit,
    /// The catalog does not know a retry when it sees one.
    ForgetRetries,
    /// The catalog tells a head that is not the newest.
    TellOldHeads,
    /// The catalog takes every commit that names an LSN below the head for one on the head.
    AcceptOldBases,
    /// The removal of segments takes those that commits name.
    RemoveNamed,
}

/// One in so many times that it could.
pub(crate) const ONE_IN: u32 = 20;
