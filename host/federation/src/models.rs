//! Models that come in and go out.
//!
//! A model is kept as safetensors. It goes out in the format that its session's clients read, which is made once, when
//! it is first asked for, and shared by all who ask: it is derived, and not worth a sync.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use fedwit_domain::ports::{BlobFile, Hold, StoredBlob};
use fedwit_domain::{Digest, ModelFormat, ModelId};
use fedwit_store::NewModel;
use fedwit_tensor::formats::{self, Expected, Format, Limits, ReadError, ReadFault, TranscodeError};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::{Federation, FederationError, Upload};

/// Models in other formats that are kept: those of the sessions that run, and what they ran a moment ago.
const MAX_ENCODED: usize = 32;

/// A seed model that has come in.
pub struct NewSeed {
    /// The file, all of it written.
    pub file: Upload,
    /// A name for people.
    pub name: Option<String>,
    /// What the file is if it does not say so itself.
    pub flat: Option<ModelFormat>,
}

/// A model's file, to be sent. It is there for as long as this is.
#[derive(Clone, Debug)]
pub struct ModelFile {
    /// Where it lies. Never write there.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// What it is.
    pub format: ModelFormat,
    /// What to call it.
    pub file_name: String,
    _kept: Hold,
}

/// Models in formats that they are not kept in.
#[derive(Default)]
pub(crate) struct Encoded {
    files: Mutex<VecDeque<(Key, Slot)>>,
}

type Key = (Digest, ModelFormat);
type Slot = Arc<OnceCell<Arc<EncodedFile>>>;

/// A derived file. Dropped, it is removed.
#[derive(Debug)]
struct EncodedFile {
    path: PathBuf,
    size_bytes: u64,
}

impl Drop for EncodedFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "a derived model file cannot be removed");
        }
    }
}

impl Encoded {
    fn slot(&self, key: Key) -> Slot {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = files.iter().position(|(known, _)| *known == key)
            && let Some(found) = files.remove(index)
        {
            let slot = Arc::clone(&found.1);
            files.push_back(found);
            return slot;
        }
        let slot = Slot::default();
        files.push_back((key, Arc::clone(&slot)));
        if files.len() > MAX_ENCODED {
            files.pop_front();
        }
        slot
    }
}

impl Federation {
    /// Takes a seed model: any tensors of which all values are finite.
    ///
    /// # Errors
    /// [`FederationError::Seed`] names the tensor and what is wrong with it.
    pub async fn add_seed_model(&self, seed: NewSeed) -> Result<ModelId, FederationError> {
        let NewSeed { file, name, flat } = seed;
        let uploaded = file.into_blob().await?;
        let file = self.inner.blobs.open(&uploaded.digest).await?;
        let scratch = self.inner.blobs.scratch().join(format!("seed-{}.safetensors", Uuid::new_v4()));
        let written = scratch.clone();
        let read = self.inner.pool.run(move || transcode_seed(&file, &written, flat)).await?;
        let kept = match read {
            // What came in is what is kept.
            Ok(Format::Safetensors) => Ok((uploaded, Format::Safetensors)),
            Ok(format) => self.inner.blobs.adopt(&scratch).await.map(|kept| (kept, format)).map_err(Into::into),
            Err(SeedFault::Model(problem)) => Err(FederationError::Seed { problem }),
            Err(SeedFault::Host(problem)) => Err(FederationError::Internal(problem)),
        };
        let recorded = match kept {
            Ok((blob, format)) => self.record_seed(blob, model_format(format), name).await,
            Err(error) => Err(error),
        };
        // Unless it is the model, nothing refers to what came in.
        if !matches!(&recorded, Ok((_, blob)) if *blob == uploaded.digest) {
            self.store().collect(&uploaded.digest).await?;
        }
        Ok(recorded?.0)
    }

    async fn record_seed(
        &self,
        blob: StoredBlob,
        format: ModelFormat,
        name: Option<String>,
    ) -> Result<(ModelId, Digest), FederationError> {
        let id = ModelId::random();
        let name = name.filter(|name| !name.is_empty() && name.len() <= 256).unwrap_or_else(|| format!("seed {id}"));
        self.store().add_model(NewModel { id, name, blob, format, at: self.now() }).await?;
        tracing::info!(model.id = %id, size_bytes = blob.size_bytes, "seed model {id}");
        Ok((id, blob.digest))
    }

    /// A model's file in a format, or in the one that its session's clients read.
    ///
    /// # Errors
    /// [`FederationError::NotFound`]; [`FederationError::Format`].
    pub async fn model_file(&self, model: ModelId, format: Option<ModelFormat>) -> Result<ModelFile, FederationError> {
        let row = self.store().model(model).await?;
        let row = row.ok_or_else(|| FederationError::NotFound { kind: "model", id: model.to_string() })?;
        let format = format.unwrap_or(row.format);
        let file_name = format!("{model}.{}", ending(format));
        let file = self.inner.blobs.open(&row.blob).await?;
        if format == ModelFormat::Safetensors {
            let BlobFile { path, size_bytes, hold } = file;
            return Ok(ModelFile { path, size_bytes, format, file_name, _kept: hold });
        }
        let slot = self.inner.encoded.slot((row.blob, format));
        let encoded = slot.get_or_try_init(|| self.encode(model, file, format)).await?;
        let (path, size_bytes) = (encoded.path.clone(), encoded.size_bytes);
        Ok(ModelFile { path, size_bytes, format, file_name, _kept: Hold::by(Arc::<EncodedFile>::clone(encoded)) })
    }

    async fn encode(
        &self,
        model: ModelId,
        source: BlobFile,
        format: ModelFormat,
    ) -> Result<Arc<EncodedFile>, FederationError> {
        let path = self.inner.blobs.scratch().join(format!("model-{}.{}", Uuid::new_v4(), ending(format)));
        let written = path.clone();
        let size = self.inner.pool.run(move || encode(&source, &written, file_format(format))).await?;
        let size_bytes = size.map_err(|problem| FederationError::Format {
            model: model.to_string(),
            format: ending(format),
            problem,
        })?;
        Ok(Arc::new(EncodedFile { path, size_bytes }))
    }
}

/// Why a seed is not taken.
enum SeedFault {
    /// It is no model that could be one.
    Model(String),
    /// The server could not read or write.
    Host(String),
}

impl From<TranscodeError> for SeedFault {
    fn from(error: TranscodeError) -> Self {
        match error {
            TranscodeError::Read(ReadError { fault, .. }) if !matches!(fault, ReadFault::Io(_)) => {
                Self::Model(fault.to_string())
            }
            error => Self::Host(error.to_string()),
        }
    }
}

/// Reads a seed, and writes it as safetensors unless it is that already. Its values are never in memory as a whole: what
/// cannot be used as it lies in the file is unpacked into another, which is gone again at the end.
fn transcode_seed(file: &BlobFile, to: &Path, flat: Option<ModelFormat>) -> Result<Format, SeedFault> {
    let expected = Expected::Seed(Limits::default());
    let unpacked = to.with_extension("values");
    let seed = formats::transcode(&file.path, &unpacked, &expected, flat.map(file_format));
    if let Err(error) = std::fs::remove_file(&unpacked)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %unpacked.display(), %error, "a derived file cannot be removed");
    }
    let seed = seed?;
    if seed.parameters.layout().tensors().is_empty() {
        return Err(SeedFault::Model("it has no tensors".to_owned()));
    }
    seed.parameters.check_finite().map_err(|problem| SeedFault::Model(problem.to_string()))?;
    if seed.format != Format::Safetensors {
        let write = formats::write(to, &seed.parameters, Format::Safetensors, &BTreeMap::new());
        write.map_err(|problem| SeedFault::Host(problem.fault.to_string()))?;
    }
    Ok(seed.format)
}

fn encode(source: &BlobFile, to: &Path, format: Format) -> Result<u64, String> {
    let expected = Expected::Seed(Limits::default());
    let model = formats::read(&source.path, &expected, None).map_err(|problem| problem.to_string())?;
    let file = std::fs::File::create(to).map_err(|problem| problem.to_string())?;
    let mut out = std::io::BufWriter::with_capacity(1 << 20, file);
    let written = formats::write_to(&mut out, &model.parameters, format, &BTreeMap::new());
    let finished = written.map_err(|problem| problem.to_string()).and_then(|()| {
        let file = out.into_inner().map_err(|problem| problem.to_string())?;
        file.metadata().map(|metadata| metadata.len()).map_err(|problem| problem.to_string())
    });
    if finished.is_err() {
        // What is said is why it could not be written; the scratch folder is emptied at the next start in any case.
        let _ = std::fs::remove_file(to);
    }
    finished
}

pub(crate) fn file_format(format: ModelFormat) -> Format {
    match format {
        ModelFormat::Npz => Format::Npz,
        ModelFormat::FlatFloat64 => Format::FlatFloat64,
        ModelFormat::FlatFloat32 => Format::FlatFloat32,
        ModelFormat::Safetensors => Format::Safetensors,
    }
}

fn model_format(format: Format) -> ModelFormat {
    match format {
        Format::Npz => ModelFormat::Npz,
        Format::FlatFloat64 => ModelFormat::FlatFloat64,
        Format::FlatFloat32 => ModelFormat::FlatFloat32,
        Format::Safetensors => ModelFormat::Safetensors,
    }
}

fn ending(format: ModelFormat) -> &'static str {
    match format {
        ModelFormat::Npz => "npz",
        ModelFormat::FlatFloat64 => "bin",
        ModelFormat::FlatFloat32 => "f32",
        ModelFormat::Safetensors => "safetensors",
    }
}
