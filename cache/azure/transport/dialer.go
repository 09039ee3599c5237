package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/awake"
)

// spareTime is how long a connection that was opened in advance waits for the first
// request. Azure closes idle connections after some minutes.
const spareTime = 30 * time.Second

// maxUnsent is how many unsent bytes the system buffers, where that can be configured.
const maxUnsent = 256 << 10

// dialer opens connections. It can keep one that is opened in advance, the spare.
type dialer struct {
	net.Dialer
	limit  time.Duration
	config func() *tls.Config // the first call is slow

	mu    sync.Mutex
	spare *spare
	taken *spare                // the last spare that was used
	peers map[string]netip.Addr // the remote address of the last connection to each address
}

func newDialer(limit time.Duration, config func() *tls.Config) *dialer {
	return &dialer{
		Dialer: net.Dialer{Timeout: limit, KeepAlive: 30 * time.Second, Control: limitUnsent},
		limit:  limit,
		config: config,
	}
}

// target is where a connection leads.
type target struct {
	secure  bool // TLS
	network string
	address string
}

// dial is the DialContext of a transport, and dialTLS its DialTLSContext.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return d.connect(ctx, target{false, network, address})
}

func (d *dialer) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	return d.connect(ctx, target{true, network, address})
}

func (d *dialer) connect(ctx context.Context, to target) (net.Conn, error) {
	if conn := d.takeSpare(to); conn != nil {
		return conn, nil
	}
	return d.open(ctx, to)
}

func (d *dialer) open(ctx context.Context, to target) (net.Conn, error) {
	var config *tls.Config
	if to.secure {
		config = d.config().Clone()
	}
	ctx, cancel := awake.WithTimeout(ctx, d.limit)
	defer cancel()
	conn, err := d.dialTCP(ctx, to)
	if err == nil {
		d.notePeer(to.address, conn.RemoteAddr())
	}
	if err != nil || !to.secure {
		return conn, err
	}
	config.ServerName, _, _ = net.SplitHostPort(to.address) // it is a valid address: the dial succeeded
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // nothing was sent on it
		return nil, err
	}
	return secured, nil
}

// dialTCP opens a TCP connection. [net.Dialer] divides its time limit among the addresses
// of a host. If the limit passed while this process was suspended, dialTCP dials again.
func (d *dialer) dialTCP(ctx context.Context, to target) (net.Conn, error) {
	for {
		begun := time.Now()
		conn, err := d.DialContext(ctx, to.network, to.address)
		failed, ok := errors.AsType[net.Error](err)
		if !ok || !failed.Timeout() || ctx.Err() != nil || time.Since(begun) < d.limit {
			return conn, err
		}
	}
}

// notePeer remembers the remote address of a connection.
func (d *dialer) notePeer(address string, remote net.Addr) {
	at, err := netip.ParseAddrPort(remote.String())
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.peers == nil {
		d.peers = make(map[string]netip.Addr)
	}
	d.peers[address] = at.Addr().Unmap()
}

// peer is the remote address of the last connection to an address; zero if there was
// none, as behind a proxy.
func (d *dialer) peer(address string) netip.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.peers[address]
}

// spare is a connection that is opened in advance.
type spare struct {
	target
	opened chan struct{} // closed when it is open or has failed
	conn   net.Conn      // nil if it has failed
	since  time.Time     // when it was opened
}

// openSpare opens a connection for the next request. The connection is closed if it is
// not used before ctx ends, or within spareTime.
func (d *dialer) openSpare(ctx context.Context, to target) {
	s := &spare{target: to, opened: make(chan struct{})}
	d.mu.Lock()
	hasSpare := d.spare != nil
	if !hasSpare {
		d.spare = s
	}
	d.mu.Unlock()
	if hasSpare {
		return
	}
	conn, err := d.open(ctx, to)
	if err != nil {
		close(s.opened)
		d.dropSpare(s)
		return
	}
	s.conn, s.since = conn, time.Now().Round(0) // includes time while the machine sleeps
	close(s.opened)
	kept, cancel := context.WithTimeout(ctx, spareTime)
	context.AfterFunc(kept, func() {
		cancel()
		d.dropSpare(s)
	})
}

// takeSpare returns the spare connection to a target, or nil. It may wait until the
// connection is open, regardless of any context; the transport does not wait for it after
// a request was cancelled.
func (d *dialer) takeSpare(to target) net.Conn {
	d.mu.Lock()
	s := d.spare
	taken := s != nil && s.target == to
	if taken {
		d.spare, d.taken = nil, s
	}
	d.mu.Unlock()
	if !taken {
		return nil
	}
	<-s.opened
	return s.conn
}

// spareAge reports whether a connection was the spare, and how long it has been open.
func (d *dialer) spareAge(conn net.Conn) (time.Duration, bool) {
	d.mu.Lock()
	s := d.taken
	d.mu.Unlock()
	if s == nil {
		return 0, false
	}
	select {
	case <-s.opened:
		return time.Since(s.since), s.conn != nil && s.conn == conn
	default: // then conn is another connection
		return 0, false
	}
}

// dropSpare closes a connection that was not used.
func (d *dialer) dropSpare(s *spare) {
	d.mu.Lock()
	wanted := d.spare != s
	if !wanted {
		d.spare = nil
	}
	d.mu.Unlock()
	if !wanted && s.conn != nil {
		_ = s.conn.Close() // nothing was sent on it
	}
}
