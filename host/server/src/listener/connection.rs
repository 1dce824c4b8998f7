//! A connection, from its first byte to its last.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::{Request, service};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use metrics::counter;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tracing::debug;

use super::admission::Place;
use super::protocol::{self, Deadlines};
use super::socket::{Held, Socket, Spoken};

/// What all connections have in common.
#[derive(Clone)]
pub(super) struct Connections(Arc<Shared>);

struct Shared {
    router: Router,
    protocol: Builder<TokioExecutor>,
    /// How long a client may take to say what it speaks.
    introduction: Duration,
    /// No request after those that are under way.
    shutdown: CancellationToken,
    /// Not even those.
    cut_off: CancellationToken,
    /// The open sockets: a WebSocket keeps its own, though no task here serves it any more.
    open: TaskTracker,
}

impl Connections {
    pub(super) fn new(router: Router, deadlines: Deadlines, shutdown: CancellationToken) -> Self {
        let (protocol, introduction) = (protocol::builder(deadlines), deadlines.header);
        let (cut_off, open) = (CancellationToken::new(), TaskTracker::new());
        Self(Arc::new(Shared { router, protocol, introduction, shutdown, cut_off, open }))
    }

    /// Serves a connection in a task of its own.
    pub(super) fn serve(&self, stream: TcpStream, peer: SocketAddr, place: Place) {
        counter!("fedwit_connections_total").increment(1);
        let held = Held::new(place, self.0.open.token());
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move { shared.serve(stream, peer, held).await });
    }

    pub(super) fn shutdown(&self) -> impl Future<Output = ()> {
        self.0.shutdown.cancelled()
    }

    /// How many there are.
    pub(super) fn open(&self) -> usize {
        self.0.open.len()
    }

    /// Waits until there is none, and accepts that there will be none.
    pub(super) async fn gone(&self) {
        self.0.open.close();
        self.0.open.wait().await;
    }

    /// Closes all of them, whatever they are doing. A WebSocket is closed by the process's end.
    pub(super) fn cut_off(&self) {
        self.0.cut_off.cancel();
    }
}

impl Shared {
    async fn serve(&self, stream: TcpStream, peer: SocketAddr, held: Held) {
        // Answers are written whole, so waiting for more to send gains nothing and costs a client up to 40 ms.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(peer.address = %peer, %error, "connection was gone before it was served");
            return;
        }
        let spoken = Spoken::default();
        let socket = TokioIo::new(Socket::new(stream, spoken.clone(), held));
        let router = self.router.clone();
        let answer = service::service_fn(move |request| answer(router.clone(), request, peer));
        let mut connection = pin!(self.protocol.serve_connection_with_upgrades(socket, answer));
        let mut introduction = pin!(tokio::time::sleep(self.introduction));
        let mut introduced = false;
        let mut ending = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        debug!(peer.address = %peer, error, "connection ended early");
                    }
                    return;
                }
                // From here on hyper's own deadlines hold; before it knows the protocol it has none.
                () = introduction.as_mut(), if !introduced => {
                    introduced = true;
                    if !spoken.get() {
                        debug!(peer.address = %peer, "closing a connection on which nothing was asked");
                        return;
                    }
                }
                () = self.shutdown.cancelled(), if !ending => {
                    ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = self.cut_off.cancelled() => return,
            }
        }
    }
}

async fn answer(router: Router, request: Request<Incoming>, peer: SocketAddr) -> Result<Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request).await
}
