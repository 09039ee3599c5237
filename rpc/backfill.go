package rpc

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/jsonrpc2"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/backfill"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
)

// LocalHitsParams are the params of the notification localHits.
type LocalHitsParams struct {
	CacheDirectory string     `json:"cacheDirectory"`
	Hits           []LocalHit `json:"hits"`
}

// LocalHit is the result of a task that has succeeded.
type LocalHit struct {
	Hash    string   `json:"hash"`
	Size    int64    `json:"size,omitempty"` // bytes that Nx has recorded
	Task    *Task    `json:"task,omitempty"`
	Outputs []string `json:"outputs,omitempty"`
}

func (p *LocalHitsParams) check() error {
	errs := []error{checkPath("cacheDirectory", p.CacheDirectory)}
	for _, hit := range p.Hits {
		errs = append(errs, taskhash.Check(hit.Hash), hit.Task.check())
		if hit.Size < 0 {
			errs = append(errs, errors.New("size must be a number of bytes"))
		}
	}
	return errors.Join(errs...)
}

// addLocalHits handles the notification localHits. It works on a goroutine, because it looks
// at files. shutdown waits for it. Invalid params are ignored, as in each notification.
func (s *server) addLocalHits(ctx context.Context, raw json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.backfill == nil || s.refusal != nil {
		return
	}
	session, queue, queued := s.session, s.backfill, make(chan struct{})
	earlier := s.localHits
	s.localHits = queued
	s.handlers.Add(1)
	s.responses.Add(1)
	go func() {
		defer s.handlers.Done()
		defer s.responses.Done()
		defer func() {
			wait(ctx, earlier)
			close(queued)
		}()
		if err := queueLocalHits(ctx, raw, session, queue); err != nil {
			zerolog.Ctx(ctx).Debug().Err(err).Msg("localHits")
		}
	}()
}

// queueLocalHits adds what the params name to the queue, except excluded tasks.
func queueLocalHits(ctx context.Context, raw json.RawMessage, session *Session, queue *backfill.Queue) (err error) {
	defer recoverPanic(ctx, "localHits", &err)
	add := handle(lenient, func(_ context.Context, _ *jsonrpc2.Conn, params *LocalHitsParams) (any, error) {
		var hits []backfill.LocalHit
		for _, hit := range params.Hits {
			// A task that is missing may be an excluded one, as in cacheOf.
			if session.Includes == nil || hit.Task != nil && session.Includes(*hit.Task) {
				hits = append(hits, backfill.LocalHit{Hash: hit.Hash, Size: hit.Size, Task: hit.Task.String(), Outputs: hit.Outputs})
			}
		}
		queue.Add(params.CacheDirectory, hits...)
		return nil, nil
	})
	_, err = add(ctx, nil, raw)
	return err
}

// backfilled logs the outcome of a local hit. The client has ended.
func (s *server) backfilled(ctx context.Context, stored cache.Stored) {
	zerolog.Ctx(ctx).Debug().Str("hash", stored.Hash).Int64("bytes", stored.Bytes).
		Str("outcome", string(stored.Outcome)).AnErr("reason", stored.Err).Msg("backfill")
}
