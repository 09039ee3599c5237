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

// reportProgress publishes the state and sends progress until the client disconnects.
// Without progress, the client would consider the server dead. reportProgress stops
// sending progress once nothing has moved for longer than the timeouts of requests allow:
// then something hangs, and the client should end the server.
func (s *server) reportProgress(ctx context.Context, conn *jsonrpc2.Conn, c *cache.Cache) {
	publish, progress := time.NewTicker(publishEvery), time.NewTicker(progressEvery)
	defer publish.Stop()
	defer progress.Stop()
	silence := s.current().Silence
	var last [2]int64 // bytes and responses
	clock := awake.NewClock(progressEvery, time.Now)
	var moved time.Duration // when last changed
	for {
		select {
		case <-publish.C:
			if s.isAwaited() {
				s.publish(ctx, c)
			}
		case <-progress.C:
			busy, now, ran := s.isBusy(), [2]int64{c.Moved(), s.responded.Load()}, clock.Ran()
			if now != last || !busy {
				last, moved = now, ran
			}
			if busy && ran-moved <= silence {
				s.outbox.notify(ctx, conn, "progress", ProgressParams{Bytes: c.Moved()})
			}
		case <-conn.DisconnectNotify():
			return
		}
	}
}

// isBusy reports whether requests wait for their responses.
func (s *server) isBusy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.running) > 0
}

// isAwaited reports whether a client that ends should wait: for entries whose outcome is
// unknown, or for the record of the run.
func (s *server) isAwaited() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting > 0 || s.ending.isAwaited
}

// publish writes the state of the session to the state files. It only logs errors.
func (s *server) publish(ctx context.Context, c *cache.Cache) {
	s.publishing.Lock() // an older state must not replace a newer one
	defer s.publishing.Unlock()
	s.beat++
	state := State{ProcessID: os.Getpid(), Beat: s.beat}
	// First, because the summary counts an entry before its outcome is reported.
	s.mu.Lock()
	state.Waiting, state.Problems = s.waiting, slices.Clone(s.problems)
	state.Recording, state.RecordProblem = s.ending.isAwaited, s.ending.problem
	s.mu.Unlock()
	state.Summary = c.Summary()
	_, state.Bytes = c.Waiting()
	err := s.stateFile.fill(state)
	if err == nil {
		for _, folder := range c.Folders() {
			err = errors.Join(err, s.stateFile.write(folder))
		}
	}
	if err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("state not published")
	}
}
