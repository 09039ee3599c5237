package rpc

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/jsonrpc2"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/awake"
)

const (
	publishEvery  = 100 * time.Millisecond
	progressEvery = time.Second
)

// tick tells that the server is at work, until the client is gone: the client
// would take one for dead that is silent, and a person who waits wants to see
// something. For longer than what the limits of requests explain nothing is
// told: then something hangs, and the client does right to end it.
func (s *server) tick(ctx context.Context, conn *jsonrpc2.Conn, c *cache.Cache) {
	publish, progress := time.NewTicker(publishEvery), time.NewTicker(progressEvery)
	defer publish.Stop()
	defer progress.Stop()
	silence := s.current().Silence
	var told [2]int64 // bytes and answers
	clock := awake.NewClock(progressEvery, time.Now)
	var moved time.Duration // when that was last different
	for {
		select {
		case <-publish.C:
			if s.isStoring() {
				s.publish(ctx, c)
			}
		case <-progress.C:
			busy, now, ran := s.isBusy(), [2]int64{c.Moved(), s.answered.Load()}, clock.Ran()
			if now != told || !busy {
				told, moved = now, ran
			}
			if busy && ran-moved <= silence {
				s.outbox.notify(ctx, conn, "progress", ProgressParams{Bytes: c.Moved()})
			}
		case <-conn.DisconnectNotify():
			return
		}
	}
}

// isBusy reports whether requests wait for their answers.
func (s *server) isBusy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.running) > 0
}

// isStoring reports whether there are entries of which nobody knows yet what
// became.
func (s *server) isStoring() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting > 0
}

// publish publishes the state of the session. Where it cannot be written nobody
// waits for it.
func (s *server) publish(ctx context.Context, c *cache.Cache) {
	s.publishing.Lock() // so that no older state replaces a newer one
	defer s.publishing.Unlock()
	s.beat++
	state := State{ProcessID: os.Getpid(), Beat: s.beat}
	// First: an entry of which it is known what became has been summed up before.
	s.mu.Lock()
	state.Waiting, state.Troubles = s.waiting, slices.Clone(s.troubles)
	s.mu.Unlock()
	state.Summary = c.Summary()
	_, state.Bytes = c.Waiting()
	err := s.page.fill(state)
	if err == nil {
		for _, folder := range c.Folders() {
			err = errors.Join(err, s.page.write(folder))
		}
	}
	if err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("state not published")
	}
}
