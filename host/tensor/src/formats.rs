//! The files that parameters come in.
