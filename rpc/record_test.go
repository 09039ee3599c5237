package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// keeping is a session that keeps its record.
type keeping struct {
	*client
	served *cache.Cache
	kept   chan *runs.Record
	cancel context.CancelFunc // as a signal does
}

func startKeeping(t *testing.T, blobs cache.Blobs, drain time.Duration, keep func(context.Context) error, options ...func(*rpc.Session)) *keeping {
	t.Helper()
	k := &keeping{served: newCache(blobs), kept: make(chan *runs.Record, 10)}
	s := rpc.Session{
		Cache: k.served, Mode: cache.ReadWrite, Drain: drain,
		Records: &rpc.Records{IsAwaited: true, Keep: func(ctx context.Context, _ *scratch.Folder, record *runs.Record) error {
			k.kept <- record
			return keep(ctx)
		}},
	}
	for _, set := range options {
		set(&s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	k.client, k.cancel = startContext(ctx, t, session(s)), cancel
	if got := k.initialize(); !got.Records {
		t.Fatalf("got %+v, want records", got)
	}
	return k
}

func succeeds(context.Context) error { return nil }

// handOver writes the hand-over as a client does, and reports the end of the run.
func (k *keeping) handOver(dir, content string) {
	k.t.Helper()
	folder := scratch.FolderPath(dir, k.served.Session())
	if err := os.MkdirAll(folder, 0o700); err != nil {
		k.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, rpc.HandOverName), []byte(content), 0o600); err != nil {
		k.t.Fatal(err)
	}
	k.notify("runEnded", object{"cacheDirectory": dir})
}

const oneTask = `{"tasks": [{"id": "a:build", "hash": "1", "status": "success", "cache": true}]}`

// The record has the outcomes of results that were still being stored, and a client that
// watches the state knows that a record is being made, and that no result waits.
func TestRecordWaitsForResults(t *testing.T) {
	blobs := newGatedPuts()
	var k *keeping
	dir := newResult(t, "1", "hello")
	var during rpc.State
	k = startKeeping(t, blobs, time.Minute, func(context.Context) error {
		during = onlyState(t, dir)
		return nil
	})
	k.call("store", storeParams("1", dir), nil)
	<-blobs.arrived
	k.handOver(dir, oneTask)
	if got := awaitRecording(t, dir, true); got.Waiting != 1 {
		t.Errorf("got %+v, want one waiting", got)
	}
	close(blobs.gate)
	k.call("shutdown", object{}, nil)
	record := <-k.kept
	if len(record.Tasks) != 1 || record.Tasks[0].Outcome != runs.Stored || record.Totals.Stored != 1 {
		t.Errorf("got %+v", record)
	}
	if record.Nx != "24.0.6" || !record.CI || record.Session != k.served.Session() || record.Mode != cache.ReadWrite || record.OS == "" {
		t.Errorf("got the header %+v", record)
	}
	if !during.Recording || during.Waiting != 0 {
		t.Errorf("got %+v while the record was kept", during)
	}
	if exists(t, scratch.FolderPath(dir, k.served.Session()), rpc.HandOverName) {
		t.Error("the hand-over is left")
	}
	awaitRecording(t, dir, false)
}

// awaitRecording waits until the state says so.
func awaitRecording(t *testing.T, dir string, isRecording bool) rpc.State {
	t.Helper()
	for deadline := time.Now().Add(cachetest.Patience); ; time.Sleep(time.Millisecond) {
		state := onlyState(t, dir)
		if state.Recording == isRecording {
			return state
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %+v", state)
		}
	}
}

func exists(t *testing.T, path ...string) bool {
	t.Helper()
	_, err := os.Lstat(filepath.Join(path...))
	return err == nil
}

// A run has one record, however often the client reports its end, and none after shutdown.
func TestRecordIsMadeOnce(t *testing.T) {
	k := startKeeping(t, new(cachetest.Memory), time.Minute, succeeds)
	dir := t.TempDir()
	k.handOver(dir, oneTask)
	<-k.kept
	k.handOver(dir, oneTask)
	k.call("shutdown", object{}, nil)
	k.handOver(dir, oneTask)
	if err := k.end(); err != nil {
		t.Error(err)
	}
	if len(k.kept) != 0 {
		t.Errorf("got %d records, want 1", 1+len(k.kept))
	}
}

// The end of stdin does not end the making of the record.
func TestRecordAfterTheEndOfStdin(t *testing.T) {
	var isDone atomic.Bool
	blobs := newGatedPuts()
	k := startKeeping(t, blobs, time.Minute, func(context.Context) error {
		isDone.Store(true)
		return nil
	})
	dir := newResult(t, "1", "hello")
	k.call("store", storeParams("1", dir), nil)
	<-blobs.arrived
	k.handOver(dir, oneTask)
	k.Close()
	close(blobs.gate)
	if err := <-k.client.served; err != nil {
		t.Error(err)
	}
	if record := <-k.kept; !isDone.Load() || record.Tasks[0].Outcome != runs.Stored {
		t.Errorf("got %+v", record)
	}
}

// A server that is asked to end (SIGTERM) does not finish the record first.
func TestRecordOfTerminatedServer(t *testing.T) {
	ctx, terminate := context.WithCancel(t.Context())
	defer terminate()
	isKeeping := make(chan struct{})
	k := &keeping{served: newCache(new(cachetest.Memory))}
	k.client = startContext(ctx, t, session(rpc.Session{
		Cache: k.served, Mode: cache.ReadWrite, Drain: time.Hour,
		Records: &rpc.Records{Keep: func(ctx context.Context, _ *scratch.Folder, _ *runs.Record) error {
			close(isKeeping)
			<-ctx.Done()
			return ctx.Err()
		}},
	}))
	k.initialize()
	k.handOver(t.TempDir(), oneTask)
	<-isKeeping
	terminate()
	<-k.client.served // otherwise it hangs for an hour
}

// A result that is not stored in time is not stored, and the record says why.
func TestRecordAtTheTimeLimit(t *testing.T) {
	blobs := newGatedPuts()
	k := startKeeping(t, blobs, 500*time.Millisecond, succeeds)
	dir := newResult(t, "1", "hello")
	k.call("store", storeParams("1", dir), nil)
	<-blobs.arrived
	k.handOver(dir, oneTask)
	task := (<-k.kept).Tasks[0]
	if task.Outcome != runs.NotStored || task.Diagnostic != "NXAC100" || task.Reason == "" {
		t.Errorf("got %+v", task)
	}
	close(blobs.gate)
}

// stubborn is blobs whose Puts outlive their context.
type stubborn struct{ *gatedPuts }

func (s stubborn) Put(_ context.Context, name string, body io.ReadSeeker, metadata cache.Metadata) error {
	return s.gatedPuts.Put(context.Background(), name, body, metadata)
}

// A signal ends the session. The record, which stays on this machine, says that the run was
// cancelled, and that it is not stored is no news.
func TestRecordOfACancelledRun(t *testing.T) {
	blobs, dir := newGatedPuts(), newResult(t, "1", "hello")
	k := startKeeping(t, stubborn{blobs}, time.Minute, func(ctx context.Context) error { return ctx.Err() })
	k.call("store", storeParams("1", dir), nil)
	<-blobs.arrived
	k.handOver(dir, oneTask)
	awaitRecording(t, dir, true)
	k.cancel()
	task := (<-k.kept).Tasks[0]
	if task.Outcome != runs.NotStored || task.Diagnostic != "" || !strings.Contains(task.Reason, "the run was cancelled") {
		t.Errorf("got %+v", task)
	}
	if got := awaitRecording(t, dir, false); got.RecordProblem != "" {
		t.Errorf("got %q, want no problem", got.RecordProblem)
	}
	close(blobs.gate)
}

// A record that cannot be kept is a line in the state, and nothing else.
func TestRecordProblem(t *testing.T) {
	for name, keep := range map[string]func(context.Context) error{
		"an error": func(context.Context) error {
			return errors.New("the record of this run is not stored: no\nroute \x1b[31m")
		},
		"a panic": func(context.Context) error { panic("no\nroute") },
	} {
		t.Run(name, func(t *testing.T) {
			k := startKeeping(t, new(cachetest.Memory), time.Minute, keep)
			dir := t.TempDir()
			k.handOver(dir, oneTask)
			k.call("shutdown", object{}, nil)
			got := awaitRecording(t, dir, false)
			const want = "the record of this run is not stored: "
			if !strings.HasPrefix(got.RecordProblem, want) || !strings.Contains(got.RecordProblem, "no") || strings.ContainsAny(got.RecordProblem, "\n\x1b") {
				t.Errorf("got %q", got.RecordProblem)
			}
			if got.Waiting != 0 || got.Problems != nil || got.Summary.Failed != 0 {
				t.Errorf("got %+v, want no other problem", got)
			}
		})
	}
}

// What is not a valid hand-over makes no record and no line, and is removed.
func TestInvalidHandOver(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte(oneTask), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func(path string) error{
		"no file": func(string) error { return nil },
		"a link":  func(path string) error { return os.Symlink(outside, path) },
		"a link to a file beside it": func(path string) error {
			return errors.Join(os.WriteFile(path+".other", []byte(oneTask), 0o600), os.Symlink(filepath.Base(path)+".other", path))
		},
		"a folder": func(path string) error { return os.MkdirAll(filepath.Join(path, "a"), 0o700) },
		"no JSON":  func(path string) error { return os.WriteFile(path, []byte("{"), 0o600) },
		"too large": func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 64<<20+1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := startKeeping(t, new(cachetest.Memory), time.Minute, succeeds)
			dir := t.TempDir()
			folder := scratch.FolderPath(dir, k.served.Session())
			if err := os.MkdirAll(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := make(filepath.Join(folder, rpc.HandOverName)); err != nil {
				t.Fatal(err)
			}
			k.notify("runEnded", object{"cacheDirectory": dir})
			k.call("shutdown", object{}, nil)
			if exists(t, folder, rpc.HandOverName) || len(k.kept) > 0 {
				t.Errorf("got %d records, or the file is left", len(k.kept))
			}
			if got := onlyState(t, dir); got.RecordProblem != "" || got.Recording {
				t.Errorf("got %+v", got)
			}
			if !exists(t, outside) {
				t.Error("the target of the link is gone")
			}
		})
	}
}

// A record holds no paths of this machine, not even in reasons.
func TestRecordHoldsNoPaths(t *testing.T) {
	dir := t.TempDir()
	k := startKeeping(t, hooked{Blobs: new(cachetest.Memory), get: func(context.Context, string) (*cache.Blob, error) {
		return nil, fmt.Errorf("open %s/x: denied", dir)
	}}, time.Minute, succeeds)
	k.fail("retrieve", retrieveParams("1", dir))
	k.handOver(dir, oneTask)
	task := (<-k.kept).Tasks[0]
	if task.Lookup != runs.LookupFailed || strings.Contains(task.Reason, dir) || !strings.Contains(task.Reason, "<cacheDirectory>/x") {
		t.Errorf("got %+v", task)
	}
}

// Others must not read the name of an excluded task, not even if the client does not say which
// task it is.
func TestExcludedTasksArePrivate(t *testing.T) {
	content := `{"tasks": [
		{"id": "a:build", "status": "success", "task": {"project": "a", "target": "build"}},
		{"id": "secret:build", "status": "local-cache", "task": {"project": "secret", "target": "build"}},
		{"id": "b:build", "status": "success"}]}`
	excludes := func(s *rpc.Session) { s.Includes = func(task rpc.Task) bool { return task.Project != "secret" } }
	for name, test := range map[string]struct {
		set  func(*rpc.Session)
		want []bool
	}{
		"excludes":         {excludes, []bool{false, true, true}},
		"excludes nothing": {func(*rpc.Session) {}, []bool{false, false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			k := startKeeping(t, new(cachetest.Memory), time.Minute, succeeds, test.set)
			k.handOver(t.TempDir(), content)
			for i, task := range (<-k.kept).Tasks {
				if task.IsPrivate != test.want[i] {
					t.Errorf("%s: private is %t", task.ID, task.IsPrivate)
				}
			}
		})
	}
}

// A client learns at once whether the end of the run waits for the record.
func TestWhoWaitsForTheRecord(t *testing.T) {
	for _, isAwaited := range []bool{false, true} {
		c := start(t, session(rpc.Session{
			Cache: newCache(new(cachetest.Memory)), Mode: cache.ReadWrite, Drain: time.Minute, Records: &rpc.Records{IsAwaited: isAwaited},
		}))
		if got := c.initialize(); !got.Records || got.RecordAwaited != isAwaited {
			t.Errorf("awaited is %t: got %+v", isAwaited, got)
		}
	}
}

// A task that fails although a verified entry says that it succeeds is a problem, and is in the
// record. Nx stores no result of it.
func TestVerifiedTaskFails(t *testing.T) {
	blobs := new(cachetest.Memory)
	place := cache.Place{Blobs: blobs, Scope: trust.Trusted}
	options := cache.Options{Mode: cache.ReadWrite, Reads: []cache.Place{place}, Writes: place}
	planter, dir := cache.New(options), ""
	t.Cleanup(func() { planter.Close(context.Background()) })
	for _, hash := range []string{"1", "3"} {
		dir = newResult(t, hash, "hello")
		if stored, _, err := cachetest.Store(t.Context(), planter, hash, dir, 0, cache.TerminalOutput{}); err != nil || stored.Outcome != cache.OutcomeStored {
			t.Fatalf("got %+v, %v", stored, err)
		}
	}
	options.Verify = 1
	verifying := cache.New(options)
	k := startKeeping(t, blobs, time.Minute, succeeds, func(s *rpc.Session) { s.Cache = verifying })
	k.served, dir = verifying, t.TempDir()
	k.call("retrieve", retrieveParams("1", dir), nil)
	k.call("retrieve", retrieveParams("3", dir), nil)
	k.handOver(dir, `{"tasks": [
		{"id": "a:test", "hash": "1", "status": "failure", "cache": true}, {"id": "c:test", "hash": "3", "status": "failure", "cache": true}, {"id": "b:test", "hash": "2", "status": "failure", "cache": true}]}`)
	record := <-k.kept
	for _, task := range record.Tasks[:2] {
		if task.Outcome != runs.Failed || task.Lookup != runs.LookupDiffers || task.Diagnostic != "NXAC086" {
			t.Errorf("got %+v", task)
		}
	}
	if task := record.Tasks[2]; task.Outcome != runs.Failed || task.Lookup != "" || task.Diagnostic != "" {
		t.Errorf("got %+v", task)
	}
	const want = "the result 1 of a:test differs from its stored entry: the task failed; "
	if got := awaitRecording(t, dir, false).Problems; len(got) != 1 || got[0].Outcome != cache.OutcomeDiffers || got[0].More != 1 || !strings.HasPrefix(got[0].Reason, want) {
		t.Errorf("got %+v, want one problem, and one more of its kind", got)
	}
}
