package recording_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/recording"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// folder returns the folder of a process.
func folder(t *testing.T) *scratch.Folder {
	t.Helper()
	c := cache.New(cachetest.Shared(new(cachetest.Memory), cache.ReadWrite))
	t.Cleanup(func() { c.Close(context.Background()) })
	f, err := c.Folder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func record() *runs.Record {
	now := time.Date(2026, 11, 30, 21, 0, 0, 0, time.UTC)
	return &runs.Record{Format: runs.Format, Session: "1-abcdefgh", Mode: cache.ReadWrite, Started: now, Ended: now}
}

// A record that is there already was stored by an attempt whose response was lost.
func TestKeepTwice(t *testing.T) {
	blobs, f := new(cachetest.Memory), folder(t)
	k := recording.Keeper{Blobs: blobs, Scope: "pr-7", Prefix: "team"}
	for range 2 {
		if err := k.Keep(t.Context(), f, record()); err != nil {
			t.Fatal(err)
		}
	}
	if names := blobs.Names(); len(names) != 1 || names[0] != "team/v1/pr-7/runs/2026-11-30/210000-1-abcdefgh" || blobs.Puts() != 2 {
		t.Errorf("got %q after %d requests", names, blobs.Puts())
	}
}

// The summary is written even if the record cannot be stored.
func TestSummarizeComesLast(t *testing.T) {
	var got *runs.Record
	k := recording.Keeper{
		Blobs: cache.NewBreaker(new(failing)), Scope: trust.Local,
		Summarize: func(_ context.Context, record *runs.Record) error {
			got = record
			return errors.New("no summary")
		},
	}
	err := k.Keep(t.Context(), folder(t), record())
	if err == nil || !strings.Contains(err.Error(), "no route") || !strings.Contains(err.Error(), "no summary") || got == nil || got.Scope != trust.Local {
		t.Errorf("got %v and %+v", err, got)
	}
}

// A client that waits for the record waits for the results first. After a signal, it does not.
func TestWaited(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	const wait = 500
	for _, test := range []struct {
		ctx       context.Context
		isAwaited bool
		ended     time.Duration // ago
		want      int64
	}{
		{t.Context(), true, 2 * time.Second, 2000 + wait},
		{t.Context(), true, -time.Second, wait}, // the clock was set back
		{t.Context(), false, 2 * time.Second, wait},
		{cancelled, true, 2 * time.Second, wait},
	} {
		f := folder(t)
		synctest.Test(t, func(t *testing.T) {
			r := record()
			time.Sleep(time.Until(r.Ended)) // the test's clock begins in 2000
			r.Ended, r.Totals.Waited = time.Now().Add(-test.ended), wait
			r.Started = r.Ended
			k := recording.Keeper{Scope: trust.Trusted, IsAwaited: test.isAwaited}
			if err := k.Keep(test.ctx, f, r); err != nil {
				t.Fatal(err)
			}
			if r.Totals.Waited != test.want {
				t.Errorf("%+v: got %d", test, r.Totals.Waited)
			}
		})
	}
}

// failing is blobs that cannot be written.
type failing struct{ cachetest.Memory }

func (*failing) Put(context.Context, string, io.ReadSeeker, cache.Metadata) error {
	return errors.New("no route")
}

// git names the commit of a developer's run. It is not asked in CI, whose variables say it.
func TestCommit(t *testing.T) {
	testenv.NeedGit(t)
	workspace := t.TempDir()
	testenv.Git(t, workspace, "init", "--quiet")
	testenv.Commit(t, workspace)
	for scope, want := range map[trust.Scope]int{trust.Local: 40, "pr-7": 0} {
		got := record()
		k := recording.Keeper{Scope: scope, Workspace: workspace}
		if err := k.Keep(t.Context(), folder(t), got); err != nil {
			t.Fatal(err)
		}
		if len(got.Source.Commit) != want {
			t.Errorf("%s: got the commit %q", scope, got.Source.Commit)
		}
	}
}

// Readers of the storage and of the summary learn nothing of an excluded task. This machine
// knows it anyway.
func TestPrivateTasks(t *testing.T) {
	blobs, f, r := new(cachetest.Memory), folder(t), record()
	r.Inputs = []runs.Input{{Name: "a:a/**/*", Tag: 1}, {Name: "secret:secret/**/*", Tag: 2}}
	r.Tasks = []runs.Task{
		{ID: "a:build", Hash: "1", Outcome: runs.Stored, Inputs: []int{0}},
		{ID: "secret:build", Hash: "2", Outcome: runs.Excluded, Inputs: []int{0, 1}, IsPrivate: true},
	}
	var summarized *runs.Record
	k := recording.Keeper{Blobs: blobs, Scope: "pr-7", Summarize: func(_ context.Context, record *runs.Record) error {
		summarized = record
		return nil
	}}
	if err := k.Keep(t.Context(), f, r); err != nil {
		t.Fatal(err)
	}
	stored, err := blobs.Get(t.Context(), blobs.Names()[0])
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(stored.Body)
	if err != nil {
		t.Fatal(err)
	}
	got, err := runs.Decode(body)
	if err != nil || len(got.Tasks) != 1 || got.Tasks[0].ID != "a:build" || len(got.Inputs) != 1 || got.Inputs[0].Name != "a:a/**/*" || got.Omitted != 1 {
		t.Errorf("stored %+v, %v", got, err)
	}
	if s := summarized; s == nil || s.Scope != "pr-7" || len(s.Tasks) != 1 || s.Tasks[0].ID != "a:build" || s.Excluded != 1 {
		t.Errorf("summarized %+v", s)
	}
	body, err = os.ReadFile(filepath.Join(filepath.Dir(f.Root.Name()), runs.LocalName))
	if err != nil {
		t.Fatal(err)
	}
	if got, err = runs.Decode(body); err != nil || len(got.Tasks) != 2 {
		t.Errorf("kept %+v, %v", got, err)
	}
}

// hanging is blobs of a storage that never responds.
type hanging struct{ cachetest.Memory }

func (*hanging) Put(ctx context.Context, _ string, _ io.ReadSeeker, _ cache.Metadata) error {
	<-ctx.Done()
	return ctx.Err()
}

// The end of a job waits a few seconds for its record, and says what took the time.
func TestHangingStorage(t *testing.T) {
	for limit, want := range map[time.Duration]struct {
		took time.Duration
		line string
	}{
		time.Minute: {5 * time.Second, "the storage took longer than 5s"},
		time.Second: {time.Second, "the time limit azure.timeouts.drain has passed"},
	} {
		f := folder(t)
		synctest.Test(t, func(t *testing.T) {
			k, began := recording.Keeper{Blobs: new(hanging), Scope: "pr-7"}, time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			err := k.Keep(ctx, f, record())
			if took := time.Since(began); err == nil || !strings.Contains(err.Error(), want.line) || took != want.took {
				t.Errorf("got %v after %v, want %+v", err, took, want)
			}
		})
	}
}
