//! `fedwit serve`, as whoever starts it sees it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/server.rs"]
mod server;

use std::net::TcpStream;
use std::time::{Duration, Instant};

use server::{Server, refusal};

#[test]
fn it_says_where_it_listens_and_whether_it_is_ready() {
    let server = Server::start(&["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"]);
    assert_eq!(server.addresses.len(), 2);
    for address in &server.addresses {
        assert_ne!(address.port(), 0);
        assert!(server.get(*address, "/healthz").starts_with("HTTP/1.1 200 "));
        assert!(server.get(*address, "/readyz").ends_with("\r\n\r\nready\n"));
    }
    let metrics = server.get(server.addresses[0], "/metrics");
    for name in ["fedwit_connections_total ", "process_open_fds ", "fedwit_uptime_seconds "] {
        assert!(metrics.contains(name), "no `{name}` in: {metrics}");
    }
    assert_eq!(server.stop("TERM"), Some(0));
}

#[test]
fn logs_are_json_where_no_terminal_is() {
    let server = Server::start(&["--listen", "127.0.0.1:0"]);
    let starts = server.lines.iter().find(|line| line["message"].as_str().is_some_and(|text| text.ends_with("starts")));
    let starts = starts.unwrap();
    assert_eq!((starts["level"].as_str(), starts["data.low_disk_bytes"].as_u64()), (Some("INFO"), Some(1 << 30)));
    assert!(server.lines.iter().any(|line| line["open_files.limit"].as_u64() >= Some(256)), "{:?}", server.lines);
    assert_eq!(server.stop("INT"), Some(0));
}

#[test]
fn what_is_under_way_is_waited_for_only_so_long() {
    let server = Server::start(&["--listen", "127.0.0.1:0", "--drain-seconds", "1"]);
    let _stuck = server.stuck();
    let told = Instant::now();
    assert_eq!(server.stop("TERM"), Some(0));
    let took = told.elapsed();
    assert!(took >= Duration::from_millis(800) && took < Duration::from_secs(9), "{took:?}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut server = Server::start(&["--listen", "127.0.0.1:0", "--drain-seconds", "10"]);
    let _stuck = server.stuck();
    let told = Instant::now();
    server.signal("TERM");
    server.until(|line| line["message"] == "waiting for open connections to end");
    assert_eq!(server.stop("INT"), Some(128 + 2));
    assert!(told.elapsed() < Duration::from_secs(9), "{:?}", told.elapsed());
}

#[test]
fn running_out_of_files_is_survived() {
    // Far more connections than files, and no limit that says so before the system does.
    let limits = ["--max-connections", "100000", "--listen", "127.0.0.1:0"];
    let mut server = Server::start_with_files(128, &[&["--no-auth"], &limits[..]].concat());
    let address = server.addresses[0];
    let crowd: Vec<_> = (0..300).map(|_| TcpStream::connect(address).unwrap()).collect();
    server.until(|line| line["message"] == "cannot accept connections; trying on");
    drop(crowd);
    assert!(server.get(address, "/healthz").starts_with("HTTP/1.1 200 "));
    assert_eq!(server.stop("TERM"), Some(0));
}

#[test]
fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = refusal(&["--no-auth", "--listen", &address], &[]);
    assert_eq!(code, Some(1));
    assert!(said.contains(&format!("cannot listen on {address}: ")), "{said}");
}

#[test]
fn it_does_not_start_open_to_others() {
    let (code, said) = refusal(&[], &[]);
    assert!(code == Some(2) && said.contains("no access control"), "{code:?} {said}");
    let (code, said) = refusal(&["--no-auth", "--listen", "0.0.0.0:0"], &[]);
    assert!(code == Some(2) && said.contains("0.0.0.0:0"), "{code:?} {said}");
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fedwit.toml");
    let config = path.to_str().unwrap();
    std::fs::write(&path, "no_auth = true\nlisten = '127.0.0.1:0'\nlow_disk_bytes = 1\nmax_upload_bytes = 1\nreconnect_grace_seconds = 1\n").unwrap();
    let variables =
        [("FEDWIT_CONFIG", config), ("FEDWIT_MAX_UPLOAD_BYTES", "2"), ("FEDWIT_RECONNECT_GRACE_SECONDS", "2")];
    let server = Server::start_with(&["--reconnect-grace-seconds", "3"], &variables);
    let starts = server.lines.iter().find(|line| line["version"].is_string()).unwrap();
    assert_eq!(
        ["data.low_disk_bytes", "clients.max_upload_bytes", "clients.reconnect_grace_seconds"]
            .map(|field| starts[field].as_u64()),
        [Some(1), Some(2), Some(3)]
    );
    assert_eq!(server.stop("TERM"), Some(0));
}

#[test]
fn what_is_no_setting_is_refused_wherever_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fedwit.toml");
    let config = path.to_str().unwrap();
    std::fs::write(&path, "lisen = '127.0.0.1:0'\n").unwrap();
    for (arguments, variables, said) in [
        (vec!["--no-auth", "--lisen", "127.0.0.1:0"], vec![], "--lisen"),
        (vec!["--no-auth"], vec![("FEDWIT_LISEN", "127.0.0.1:0")], "`FEDWIT_LISEN`"),
        (vec!["--no-auth", "--config", config], vec![], "fedwit.toml: there is no setting `lisen`"),
        (vec!["--no-auth"], vec![("FEDWIT_LOG", "inof")], "`inof` is no level"),
    ] {
        let (code, stderr) = refusal(&arguments, &variables);
        assert!(code == Some(2) && stderr.contains(said), "no `{said}` in: {code:?} {stderr}");
    }
}
