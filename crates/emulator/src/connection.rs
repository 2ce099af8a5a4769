//! Connections that can be broken on purpose.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::answer::{Break, How};

/// Accepts connections that can be broken.
pub(crate) struct Breakable {
    pub listener: TcpListener,
    /// Ends what is stalled.
    pub stop: CancellationToken,
}

impl Listener for Breakable {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let connection = Connection {
            stream,
            breaker: Breaker::default(),
            stop: self.stop.clone(),
            stalled: None,
        };
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// With this a request says how its connection breaks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Breaker(Arc<Mutex<Option<Break>>>);

impl Breaker {
    /// Lets the connection break, counted from the next byte that it sends.
    pub(crate) fn set(&self, breaks: Break) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(breaks);
    }

    fn get(&self) -> Option<Break> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connected<IncomingStream<'_, Breakable>> for Breaker {
    fn connect_info(incoming: IncomingStream<'_, Breakable>) -> Breaker {
        incoming.io().breaker.clone()
    }
}

/// A connection that can be broken.
pub(crate) struct Connection {
    stream: TcpStream,
    breaker: Breaker,
    stop: CancellationToken,
    stalled: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(breaks) = self.breaker.get() else {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        };
        if breaks.after > 0 {
            let most = bytes.len().min(breaks.after);
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[..most]))?;
            let after = breaks.after - written;
            self.breaker.set(Break { after, ..breaks });
            return Poll::Ready(Ok(written));
        }
        match breaks.how {
            How::Close => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            How::Reset => {
                // What is sent but not received yet may be lost; that is what a reset is like.
                self.stream.set_zero_linger()?;
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
            How::Stall => {
                let stop = self.stop.clone();
                let stalled = self.stalled.get_or_insert_with(|| Box::pin(stop.cancelled_owned()));
                ready!(stalled.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
