//! The hot paths of Chimera. Every function here has a reference in Python that says what it must do; none of them
//! decides anything, opens anything, or keeps anything of a text longer than it reads it.
//!
//! What is quick to say is mostly "there is nothing here": whatever a function is not sure of it leaves to the
//! reference, by answering that it may be there, or nothing at all.

pub mod lexicon;
pub mod literals;
pub mod plain;
pub mod ring;
pub mod words;

#[cfg(feature = "python")]
mod bridge;
