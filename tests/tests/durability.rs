//! What is on disk before anybody is told: a trace of the server's system calls.
//!
//! Crash tests cannot show this: what a killed process wrote is still in the kernel's memory, and only a machine that
//! loses its power loses it. So the calls themselves are looked at. An upload's file, the folder that it is named in
//! and the record of it are synced before its answer is written to the socket, and so are the record of an update
//! that counts, and a round's model and its record before anybody hears of it.

mod durability {
    pub(crate) mod trace;
}

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use fedwit_tests::load::{Client, Event, Options as ClientOptions, Sent, Step};
use fedwit_tests::npz;
use fedwit_tests::server::{Options, Server};
use fedwit_tests::wait::PATIENCE;
use serde_json::json;

use durability::trace::{Call, Trace};

/// A server under `strace`, and where its trace goes. The server stays this process's child.
fn traced(folder: &tempfile::TempDir) -> Result<(Options, PathBuf)> {
    if Command::new("strace").arg("-V").output().is_err() {
        bail!("this test needs `strace`: install the package of that name (`apt-get install strace`)");
    }
    let path = folder.path().join("trace");
    let mut under: Vec<OsString> = ["strace", "-D", "-f", "-yy", "-s", "4096", "-qq"].map(OsString::from).into();
    under.extend(["-e".into(), OsString::from(Trace::CALLS), "-o".into(), path.clone().into_os_string()]);
    Ok((Options { under, ..Options::default() }, path))
}

#[tokio::test(flavor = "multi_thread")]
async fn file_folder_and_record_are_synced_before_the_answer() -> Result<()> {
    check_round(&[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn so_they_are_behind_a_storage_adapter_that_hands_files_on() -> Result<()> {
    check_round(&["--storage-adapter", "pass-through"]).await
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn so_they_are_behind_one_that_encrypts() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let secrets = tempfile::tempdir()?;
    let key = secrets.path().join("storage-key");
    std::fs::write(&key, [7; 32])?;
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o400))?;
    let folder = secrets.path().to_str().context("a path in UTF-8")?;
    let granted = ["--storage-adapter-grant", "secret:storage-key", "--plugin-secrets", folder];
    check_round(&[&["--storage-adapter", "encrypted"], &granted[..]].concat()).await
}

/// Traces a round on a server with these arguments.
async fn check_round(arguments: &[&str]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (options, path) = traced(&folder)?;
    let mut server = Server::start_with(options.with(arguments)).await?;
    let api = server.api();
    let seed = api.add_seed(npz::stored(&[(&[4], &[1.0, 2.0, 3.0, 4.0])])?).await?;
    let client = Client::start(server.address(), "a", ClientOptions::new(Step { step: 1.0, examples: 3 })).await?;
    let session = api.run_session(&seed, json!({ "validate": true }), 1).await?;
    api.wait_for_end(&session, PATIENCE).await?;
    let sent = client.record().sent().pop().context("no update was sent")?;
    let uploads = client.record().count(|event| matches!(event, Event::Uploaded { taken: true, .. }));
    ensure!(uploads == 1 && sent.text.starts_with("RECEIVED"), "{}", client.record());
    let round = api.round(&session, 1).await?;
    let digest = round.participants[0].digest.clone();
    let model = round.model.context("no model")?;
    client.cut().await;
    server.stop().await?;

    let trace = Trace::read(&path)?;
    check_upload(&trace, &sent)?;
    check_answer(&trace, &sent)?;
    check_model(&trace, &model)?;
    // What is looked for is there to be found, and is of this round.
    ensure!(digest.is_none(), "updates are not kept unless the session says so");
    Ok(())
}

/// Upload's answer names the update, and comes after its file, the file's folder and its record.
fn check_upload(trace: &Trace, sent: &Sent) -> Result<()> {
    let answer = trace.first_written_to_socket(&sent.update, 0)?;
    let named = trace.last_blob_named_before(answer)?;
    trace.check_blob_synced(named, answer)?;
    let record = trace.database_synced(named, answer);
    record.with_context(|| format!("no record is synced between {} and {}", trace.line(named), trace.line(answer)))?;
    Ok(())
}

/// The answer to an update comes after a record that is younger than the upload's answer.
fn check_answer(trace: &Trace, sent: &Sent) -> Result<()> {
    let uploaded = trace.first_written_to_socket(&sent.update, 0)?;
    let answer = trace.first_written_to_socket(&sent.text, uploaded + 1)?;
    let record = trace.database_synced(uploaded, answer);
    record.with_context(|| format!("no record is synced before {}", trace.line(answer)))?;
    Ok(())
}

/// The first word of a new model, to whomever, comes after its file, the file's folder and its record.
fn check_model(trace: &Trace, model: &str) -> Result<()> {
    let word = trace.first_written_to_socket(model, 0)?;
    let named = trace.last_blob_named_before(word)?;
    trace.check_blob_synced(named, word)?;
    let record = trace.database_synced(named, word);
    record.with_context(|| format!("no record is synced between {} and {}", trace.line(named), trace.line(word)))?;
    Ok(())
}

/// The checks fail where a sync is taken out: a trace is only worth something if they can.
#[test]
fn a_trace_without_its_syncs_is_found_out() -> Result<()> {
    let whole = [
        r#"10 openat(AT_FDCWD</d>, "/d/spool/x#1", O_WRONLY|O_CREAT, 0666) = 7</d/spool/x#1>"#,
        r#"10 fsync(7</d/spool/x#1>) = 0"#,
        r#"11 rename("/d/spool/x#1", "/d/blobs/ab/abc") = 0"#,
        r#"11 fsync(8</d/blobs/ab>) = 0"#,
        r#"12 fdatasync(9</d/fedwit.sqlite-wal> <unfinished ...>"#,
        r#"13 futex(0x7f) = 0"#,
        r#"12 <... fdatasync resumed>) = 0"#,
        r#"13 writev(5<TCP:[127.0.0.1:1->127.0.0.1:2]>, [{iov_base="update-7", iov_len=8}], 1) = 8"#,
    ];
    let holds = |lines: &[&str]| -> Result<()> {
        let trace = Trace::parse(&lines.join("\n"));
        let answer = trace.first_written_to_socket("update-7", 0)?;
        let named = trace.last_blob_named_before(answer)?;
        trace.check_blob_synced(named, answer)?;
        trace.database_synced(named, answer).context("no record")?;
        Ok(())
    };
    holds(&whole)?;
    for taken in [1, 2, 3, 6] {
        let mut lines = whole.to_vec();
        let line = lines.remove(taken);
        ensure!(holds(&lines).is_err(), "nobody misses `{line}`");
    }
    let mut late = whole.to_vec();
    late.swap(6, 7);
    ensure!(holds(&late).is_err(), "a sync that ends after the answer is taken for one before it");
    ensure!(matches!(Trace::parse(whole[1]).calls().first(), Some(Call { .. })), "a call is a call");
    Ok(())
}
