package faults

import (
	"context"
	"net"
	"sync/atomic"
	"time"
)

// Network is what lies between a client and a server: latency, and a bandwidth for each
// connection. Its zero value has no limits. Both can be changed while requests run.
type Network struct {
	latency atomic.Int64
	rate    atomic.Int64
}

// SetLatency sets the delay of each request before its response begins.
func (n *Network) SetLatency(latency time.Duration) { n.latency.Store(int64(latency)) }

// Latency is the value of [Network.SetLatency].
func (n *Network) Latency() time.Duration { return time.Duration(n.latency.Load()) }

// SetRate sets how many bytes a second each connection of [Network.Listen] carries in
// each direction; 0 means no limit.
func (n *Network) SetRate(bytesPerSecond int64) { n.rate.Store(bytesPerSecond) }

// Rate is the value of [Network.SetRate].
func (n *Network) Rate() int64 { return n.rate.Load() }

// Delay waits for the latency. It returns false if ctx ends first.
func (n *Network) Delay(ctx context.Context) bool {
	latency := n.Latency()
	if latency <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(latency)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Listen limits the connections of l to the rate of the network.
func (n *Network) Listen(l net.Listener) net.Listener { return &listener{l, n} }

type listener struct {
	net.Listener
	network *Network
}

func (l *listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: inner, network: l.network}, nil
}

// conn is a connection with limited bandwidth. One goroutine at a time reads it, and one
// writes it.
type conn struct {
	net.Conn
	network *Network
	in, out pacer
}

func (c *conn) Read(p []byte) (int, error) {
	rate := c.network.Rate()
	if rate <= 0 {
		return c.Conn.Read(p)
	}
	n, err := c.Conn.Read(p[:min(len(p), piece(rate))])
	c.in.pass(n, rate)
	return n, err
}

func (c *conn) Write(p []byte) (written int, err error) {
	for len(p) > 0 {
		rate := c.network.Rate()
		if rate <= 0 {
			n, err := c.Conn.Write(p)
			return written + n, err
		}
		part := p[:min(len(p), piece(rate))]
		c.out.pass(len(part), rate)
		n, err := c.Conn.Write(part)
		written += n
		if err != nil {
			return written, err
		}
		p = p[n:]
	}
	return written, nil
}

const (
	// tick is the time of one piece: short enough for an even flow, but long enough that
	// dozens of connections do more than wake up.
	tick = 2 * time.Millisecond
	// idle is how long a sender may pause without losing bandwidth: shorter pauses are its
	// own work, for which a real line would not wait.
	idle = 4 * time.Millisecond
	// debt is the most time that is made up for. On a busy machine sleeps end late by some
	// of it.
	debt = 20 * time.Millisecond
)

func piece(rate int64) int {
	return int(min(max(rate*int64(tick)/int64(time.Second), 1), 1<<20))
}

// pacer is one direction of a connection.
type pacer struct {
	free time.Time // when everything that was admitted has passed
	last time.Time // when the last bytes were reported as passed
}

// pass returns when n more bytes have passed.
func (p *pacer) pass(n int, rate int64) {
	now := time.Now()
	earliest := now
	if now.Sub(p.last) <= idle {
		earliest = now.Add(-debt)
	}
	if p.free.Before(earliest) {
		p.free = earliest
	}
	p.free = p.free.Add(time.Duration(int64(n) * int64(time.Second) / rate))
	time.Sleep(p.free.Sub(now))
	p.last = time.Now()
}
