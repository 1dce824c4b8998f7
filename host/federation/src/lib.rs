//! Drives the domain: asks clients, folds, merges, commits.
