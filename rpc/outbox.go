package rpc

import (
	"context"
	"sync"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/jsonrpc2"
)

// outbox sends notifications in order, without blocking their senders: a client that is
// ending no longer reads, while entries are still being stored.
type outbox struct {
	mu    sync.Mutex
	queue []func() // each sends one
	busy  bool     // sendAll is running
}

// notify queues a notification.
func (o *outbox) notify(ctx context.Context, conn *jsonrpc2.Conn, method string, params any) {
	o.add(func() {
		if err := conn.Notify(context.WithoutCancel(ctx), method, params); err != nil {
			zerolog.Ctx(ctx).Debug().Err(err).Str("method", method).Msg("notification not sent")
		}
	})
}

// flush waits until the queued notifications are sent or the client has disconnected.
func (o *outbox) flush(conn *jsonrpc2.Conn) {
	sent := make(chan struct{})
	o.add(func() { close(sent) })
	select {
	case <-sent:
	case <-conn.DisconnectNotify():
	}
}

func (o *outbox) add(send func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue = append(o.queue, send)
	if !o.busy {
		o.busy = true
		go o.sendAll()
	}
}

func (o *outbox) sendAll() {
	for {
		o.mu.Lock()
		if len(o.queue) == 0 {
			o.busy = false
			o.mu.Unlock()
			return
		}
		send := o.queue[0]
		o.queue = o.queue[1:]
		o.mu.Unlock()
		send()
	}
}
