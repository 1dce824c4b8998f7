//! Files of parameters: those of others are read, ours are read by others, and hostile ones are refused by name.

mod archive;
mod flat;
mod models;
mod npz;
mod npz_hostile;
mod python;
mod safetensors;
mod staging;
