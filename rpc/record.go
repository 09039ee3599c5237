package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/jsonrpc2"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs/recorder"
	"github.com/nx-azure-cache/nx-azure-cache/rpc/handover"
)

// HandOverName is the file in the server's folder with the hand-over.
const HandOverName = handover.Name

// maxReserve is how long before the time limit the record is made, even if outcomes are
// unknown, so that it can still be stored.
const maxReserve = 2 * time.Second

// RunEndedParams are the params of the notification runEnded.
type RunEndedParams struct {
	CacheDirectory string `json:"cacheDirectory"`
}

func (p *RunEndedParams) check() error { return checkPath("cacheDirectory", p.CacheDirectory) }

// ending is the end of the run, once the client has reported it.
type ending struct {
	done      chan struct{} // closed when the record is made; nil before runEnded
	isAwaited bool          // a client that ends should wait for it
	problem   string        // why the record is not stored
	stop      func()        // stops the making of the record
}

// stopRecord stops the making of the record. The end of the client does not.
func (s *server) stopRecord() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending.stop != nil {
		s.ending.stop()
	}
}

// runEnded handles the notification of that name, once. It works on a goroutine, for which
// shutdown and the end of the session wait. Invalid params are ignored, as in each
// notification.
func (s *server) runEnded(ctx context.Context, raw json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	session := s.session
	if session == nil || session.Cache == nil || session.Records == nil || s.ending.done != nil || s.refusal != nil {
		return
	}
	done := make(chan struct{})
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx)) // ctx ends with the connection
	s.ending = ending{done: done, isAwaited: session.Records.IsAwaited, stop: stop}
	earlier := []<-chan struct{}{s.localHits}
	for _, r := range s.running {
		earlier = append(earlier, r.handled)
	}
	s.records.Go(func() {
		defer close(done)
		defer stop()
		err := s.keepRecord(ctx, raw, session, earlier)
		s.mu.Lock()
		s.ending.isAwaited = false
		if err != nil {
			s.ending.problem = printable.Short(printable.Line(recordProblem(err)), maxReason)
		}
		s.mu.Unlock()
		s.publish(ctx, session.Cache)
	})
}

// keepRecord makes the record of the run, and keeps it. It only logs an invalid hand-over.
func (s *server) keepRecord(ctx context.Context, raw json.RawMessage, session *Session, earlier []<-chan struct{}) (err error) {
	defer recoverPanic(ctx, "runEnded", &err)
	ctx, cancel := context.WithTimeout(ctx, session.Drain)
	defer cancel()
	keep := handle(lenient, func(_ context.Context, _ *jsonrpc2.Conn, params *RunEndedParams) (any, error) {
		folder, err := session.Cache.Folder(params.CacheDirectory)
		if err != nil {
			return nil, invalidHandOver{err}
		}
		s.publish(ctx, session.Cache) // before the file is gone, so that drain waits for one or the other
		handOver, err := handover.Take(folder)
		if err != nil {
			return nil, invalidHandOver{err}
		}
		for i, task := range handOver.Tasks {
			handOver.Tasks[i].IsPrivate = session.isPrivate(task)
		}
		ended := time.Now()
		s.settle(ctx, session, earlier)
		handOver.IsCancelled = isCancelled(ctx)
		s.verifyFailures(session.Cache, handOver)
		header := s.header
		header.Ended, header.Totals.Summary = ended, session.Cache.Summary()
		record := s.recorder.Record(handOver, header)
		if err := session.Records.Keep(ctx, folder, record); err != nil && !isCancelled(ctx) {
			return nil, keepError{err}
		}
		return nil, nil // that a cancelled run stores no record is no news
	})
	_, err = keep(ctx, nil, raw)
	_, isWire := errors.AsType[*jsonrpc2.Error](err)
	if _, ok := errors.AsType[invalidHandOver](err); ok || isWire {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("runEnded")
		return nil
	}
	return err
}

// verifyFailures compares the failed tasks with their entries if azure.verify has treated a hit
// as a miss: Nx does not pass their results to store.
func (s *server) verifyFailures(c *cache.Cache, handOver *recorder.HandOver) {
	for _, task := range handOver.Tasks {
		if !task.HasFailed() {
			continue
		}
		if d := c.Failed(task.Hash, task.ID); d != nil {
			stored := cache.Stored{Hash: task.Hash, Outcome: cache.OutcomeDiffers, Err: d}
			outcome := storedParams(stored)
			s.recorder.Store(stored, s.problem(outcome.Reason, outcome.Diagnostic, ""))
			s.mu.Lock()
			s.problems = addProblem(s.problems, outcome)
			s.mu.Unlock()
		}
	}
}

// isCancelled reports whether a signal has ended the session, rather than a time limit.
func isCancelled(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }

// isPrivate reports whether the settings exclude a task. One whose target is unknown may be
// an excluded one, as in cacheOf.
func (s *Session) isPrivate(task recorder.Task) bool {
	return s.Includes != nil && (task.Target == nil || !s.Includes(Task(*task.Target)))
}

// keepError is an error of Keep, which is a whole line.
type keepError struct{ error }

// recordProblem returns the line about an error of keepRecord.
func recordProblem(err error) string {
	if of, ok := errors.AsType[keepError](err); ok {
		return of.Error()
	}
	return "the record of this run is not stored: " + err.Error() // a panic
}

// invalidHandOver means that there is no record, because the client has not handed over
// valid data.
type invalidHandOver struct{ error }

// settle waits until the outcomes of all accepted results and local hits are known, or it is
// time to make the record.
func (s *server) settle(ctx context.Context, session *Session, earlier []<-chan struct{}) {
	reserve := min(session.Drain/10, maxReserve)
	ctx, cancel := context.WithTimeout(ctx, session.Drain-reserve)
	defer cancel()
	wait(ctx, earlier...)
	_ = session.Cache.Drain(ctx) // the record says what is unknown
	s.backfill.Wait(ctx)
}

// wait waits until the channels are closed or ctx ends. A channel may be nil.
func wait(ctx context.Context, channels ...<-chan struct{}) {
	for _, channel := range channels {
		if channel == nil {
			continue
		}
		select {
		case <-channel:
		case <-ctx.Done():
			return
		}
	}
}

// recorded returns a channel that is closed when the record of the run is made, or nil.
func (s *server) recorded() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending.done
}

// newHeader returns what a record says of the run itself, as far as this package knows it.
func newHeader(params *InitializeParams, session *Session) runs.Record {
	return runs.Record{
		Session: session.Cache.Session(), Mode: session.Mode, CI: params.CI,
		Nx: params.NxVersion, OS: runtime.GOOS, Arch: runtime.GOARCH,
	}
}

// recordLookup records the outcome of a retrieve.
func (s *server) recordLookup(params *RetrieveParams, hit *cache.Hit, err error) {
	_, isUnreadable := errors.AsType[*cache.UnreadableError](err)
	switch {
	case err == nil:
		s.recorder.Hit(params.Hash, hit)
	case errors.Is(err, cache.ErrSampled):
		s.recorder.Miss(params.Hash, runs.LookupVerify, recorder.Problem{})
	case errors.Is(err, cache.ErrNotFound):
		s.recorder.Miss(params.Hash, "", recorder.Problem{})
	case isUnreadable:
		s.recorder.Miss(params.Hash, runs.LookupUnreadable, s.problem(err.Error(), diagnostic.EntryUnreadable, params.CacheDirectory))
	case errors.Is(err, cache.ErrDamaged):
		s.recorder.Miss(params.Hash, runs.LookupDamaged, s.problemOf(err, params.CacheDirectory))
	case !errors.Is(err, context.Canceled):
		s.recorder.Miss(params.Hash, runs.LookupFailed, s.problemOf(err, params.CacheDirectory))
	}
}

// recordRejection records that a result was not accepted.
func (s *server) recordRejection(params *StoreParams, reason string, err error) {
	problem := s.problem(reason, diagnostic.ResultChanged, params.CacheDirectory)
	if err != nil {
		problem = s.problemOf(err, params.CacheDirectory)
	}
	if errors.Is(err, cache.ErrSkipped) { // no one needs to act
		problem.Diagnostic = ""
	}
	s.recorder.Reject(params.Hash, problem)
}

func (s *server) problemOf(err error, cacheDirectory string) recorder.Problem {
	_, code := classify(err)
	return s.problem(err.Error(), code, cacheDirectory)
}

// problem returns a problem for the record, which holds no paths of this machine.
func (s *server) problem(reason string, code diagnostic.Code, cacheDirectory string) recorder.Problem {
	home, _ := os.UserHomeDir() // "" if unknown
	return recorder.NewProblem(reason, code, [2]string{cacheDirectory, "<cacheDirectory>"}, [2]string{s.workspaceRoot, "<workspaceRoot>"}, [2]string{home, "~"})
}
