package faults

import (
	"context"
	"net"
	"sync/atomic"
	"time"
)

// Network is what lies between a client and a server: so much latency, and so
// many bytes a second on each connection. Its zero value has no limits. All can
// be changed while requests are under way.
type Network struct {
	latency atomic.Int64
	rate    atomic.Int64
}

// SetLatency sets what is added once to each request, before its answer begins.
func (n *Network) SetLatency(latency time.Duration) { n.latency.Store(int64(latency)) }

// Latency is what [Network.SetLatency] has set.
func (n *Network) Latency() time.Duration { return time.Duration(n.latency.Load()) }

// SetRate sets how many bytes a second each connection of [Network.Listen]
// takes and gives; 0 stands for as many as there are.
func (n *Network) SetRate(bytesPerSecond int64) { n.rate.Store(bytesPerSecond) }

// Rate is what [Network.SetRate] has set.
func (n *Network) Rate() int64 { return n.rate.Load() }

// Delay waits for as long as the latency is. It reports whether ctx was still
// there then.
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

// Listen gives the connections of l the rate of the network.
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

// conn is a connection whose bytes take their time, whichever requests they
// belong to. It is read by one goroutine at a time, and written by one.
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
	// tick is how long one piece takes: short, so that bytes flow evenly, but
	// not so short that dozens of connections do nothing but wake up.
	tick = 2 * time.Millisecond
	// idle is how long nothing may be sent and the time still be made up for: less
	// is the sender's own work, which a real line would not wait for.
	idle = 4 * time.Millisecond
	// debt is the most that is made up for. On a busy machine who sleeps wakes up
	// late by some of it.
	debt = 20 * time.Millisecond
)

func piece(rate int64) int {
	return int(min(max(rate*int64(tick)/int64(time.Second), 1), 1<<20))
}

// pacer is one direction of a connection.
type pacer struct {
	free time.Time // when all has passed that was let in
	last time.Time // when the last of it was said to have passed
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
