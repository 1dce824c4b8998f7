//! What can be asked for: one module for each type of object.

mod client;
mod combiner;
mod config;
mod event;
mod event_type;
mod metric;
mod model;
mod package;
mod participant;
mod plugin;
mod plugin_job;
mod prediction;
mod refusal;
mod round;
mod run;
mod series;
mod server;
mod session;
mod status;
mod validation;

pub(super) use client::Client;
pub(super) use combiner::Combiner;
pub(super) use config::{Direction, ModelFormat};
pub(super) use event::SessionEvent;
pub(super) use metric::Metric;
pub(super) use model::Model;
pub(super) use package::Package;
pub(super) use plugin::{Plugin, PluginVersion, PluginWorld};
pub(super) use plugin_job::PluginJob;
pub(super) use prediction::{Prediction, PredictionRequest};
pub(super) use refusal::Refusal;
pub(super) use round::Round;
pub(super) use server::Server;
pub(super) use session::Session;
pub(super) use status::{ParticipantStatus, RoundStatus, SessionStatus};
pub(super) use validation::Validation;
