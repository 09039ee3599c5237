//go:build unix

package main

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gofrs/flock"

	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
)

// strangerID is the ID of another user.
const strangerID = 54321

// startBystander starts a process that has nothing to do with a cache, as a user. It must
// still run at the end of the test.
func startBystander(t *testing.T, user int) *exec.Cmd {
	t.Helper()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	p := exec.Command(sleep, "600")
	p.Dir = "/"
	if user != os.Geteuid() {
		p.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}}
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.Wait() }()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		if err := <-ended; err == nil || err.Error() != "signal: killed" {
			t.Errorf("a bystander ended with %v before the test", err)
		}
	})
	return p
}

// signed returns a state as servers write it.
func signed(text string) string {
	return fmt.Sprintf("%08x %s", crc32.ChecksumIEEE([]byte(text)), text)
}

func stateOf(processID, waiting any) string {
	return signed(fmt.Sprintf(`{"processId":%v,"waiting":%v,"bytes":1,"summary":{},"problems":null}`, processID, waiting))
}

// forge creates a folder with a state, as a server does, and holds its lock.
func forge(t *testing.T, session, state string) (folder string) {
	t.Helper()
	folder = scratch.FolderPath(t.TempDir(), session)
	err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(filepath.Join(folder, "state"), []byte(state), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	lock := flock.New(folder + ".lock")
	if ok, err := lock.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	t.Cleanup(func() { _ = lock.Close() })
	return folder
}

// checkUnknown fails unless drain rejects the state.
func checkUnknown(t *testing.T, folder, reason string) {
	t.Helper()
	got, stderr := drainIt(t, folder, "100ms")
	isSilent := got.Ended == "limit" && reason == "" // which ends no process without an ID
	if (got.Ended != "unknown" && !isSilent) || got.ProcessID != -1 || got.Waiting != 0 || stderr != "" || !strings.Contains(got.Reason, reason) {
		t.Errorf("got %+v and %q, want it unknown: %s", got, stderr, reason)
	}
}

// A state that no server of this user wrote is rejected, and no process is ended.
func TestDrainOfAForgedState(t *testing.T) {
	bystander := startBystander(t, os.Geteuid()).Process.Pid
	own := fmt.Sprintf("%d-abcdefgh", os.Getpid()) // a live process that must not be ended: this one
	states := map[string]string{
		"of another process":                stateOf(bystander, 1),
		"of all processes":                  stateOf(-1, 1),
		"of the group":                      stateOf(0, 1),
		"of an overflowing ID":              stateOf("18446744073709551617", 1),
		"of a fraction":                     stateOf("1.5", 1),
		"with a negative number of results": stateOf(os.Getpid(), -1),
		"with many problems":                signed(fmt.Sprintf(`{"processId":%d,"problems":[{},{},{},{},{},{}]}`, os.Getpid())),
		"with a long problem":               signed(fmt.Sprintf(`{"processId":%d,"problems":[{"hash":"1","outcome":"failed","reason":"%s"}]}`, os.Getpid(), strings.Repeat("x", 5000))),
		"with a long line about a record":   signed(fmt.Sprintf(`{"processId":%d,"recordProblem":"%s"}`, os.Getpid(), strings.Repeat("x", 5000))),
		"with no hash":                      signed(fmt.Sprintf(`{"processId":%d,"problems":[{"hash":"../x","outcome":"failed","reason":"x"}]}`, os.Getpid())),
		"a large one":                       stateOf(os.Getpid(), 0) + strings.Repeat(" ", 64<<10),
		"without its sum":                   "00000000 {}",
		"an empty one":                      "",
	}
	for name, state := range states {
		t.Run(name, func(t *testing.T) { checkUnknown(t, forge(t, own, state), "") })
	}
	t.Run("that is a link", func(t *testing.T) {
		folder := forge(t, own, "")
		elsewhere := filepath.Join(t.TempDir(), "state")
		err := errors.Join(os.WriteFile(elsewhere, []byte(stateOf(os.Getpid(), 0)), 0o600), os.Remove(filepath.Join(folder, "state")), os.Symlink(elsewhere, filepath.Join(folder, "state")))
		if err != nil {
			t.Fatal(err)
		}
		checkUnknown(t, folder, "")
	})
	t.Run("that is a pipe", func(t *testing.T) {
		folder := forge(t, own, "")
		if err := errors.Join(os.Remove(filepath.Join(folder, "state")), syscall.Mkfifo(filepath.Join(folder, "state"), 0o600)); err != nil {
			t.Fatal(err)
		}
		checkUnknown(t, folder, "")
	})
}

// A server that does not take the hand-over, because no message told it to, is waited for
// only for a moment, and not ended.
func TestDrainOfAHandOverThatIsNotTaken(t *testing.T) {
	own := fmt.Sprintf("%d-abcdefgh", os.Getpid())
	for _, limit := range []string{"100ms", "1m"} {
		folder := forge(t, own, stateOf(os.Getpid(), 0))
		if err := os.WriteFile(filepath.Join(folder, "run.json"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, stderr := drainIt(t, folder, limit); got.Ended != "stored" || got.RecordProblem != "" || stderr != "" {
			t.Errorf("%s: got %+v and %q", limit, got, stderr)
		}
	}
}

// If the server is silent or gone before it has stored the record, that is what is reported.
func TestDrainOfALostRecord(t *testing.T) {
	bystander := startBystander(t, os.Geteuid()).Process.Pid
	state := signed(fmt.Sprintf(`{"processId":%d,"waiting":0,"summary":{},"problems":null,"recording":true}`, bystander))
	folder := forge(t, fmt.Sprintf("%d-abcdefgh", bystander), state)
	if err := os.Remove(folder + ".lock"); err != nil { // as after its end
		t.Fatal(err)
	}
	const want = "the record of this run is not stored: the cache process exited first"
	if got, _ := drainIt(t, folder, "1m"); got.Ended != "stored" || got.RecordProblem != want {
		t.Errorf("got %+v, want %q", got, want)
	}
}

// A folder that no server of this user has created is rejected.
func TestDrainOfAForgedFolder(t *testing.T) {
	bystander := startBystander(t, os.Geteuid()).Process.Pid
	session := fmt.Sprintf("%d-abcdefgh", bystander)
	state := stateOf(bystander, 1)
	t.Run("behind a link", func(t *testing.T) {
		folder := forge(t, session, state)
		parent := filepath.Dir(folder)
		if err := errors.Join(os.Rename(parent, parent+".real"), os.Symlink(parent+".real", parent)); err != nil {
			t.Fatal(err)
		}
		checkUnknown(t, folder, parent+" is a symbolic link")
	})
	t.Run("that is a link", func(t *testing.T) {
		folder := forge(t, session, state)
		if err := errors.Join(os.Rename(folder, folder+".real"), os.Symlink(folder+".real", folder)); err != nil {
			t.Fatal(err)
		}
		checkUnknown(t, folder, folder+" is a symbolic link")
	})
	t.Run("that is not called as ours", func(t *testing.T) {
		folder := forge(t, "session", state)
		checkUnknown(t, folder, folder+" is not the folder of a cache process")
	})
	for name, suffix := range map[string]string{"of another user": "", "with a lock of another user": ".lock"} {
		t.Run(name, func(t *testing.T) {
			cachetest.NeedRoot(t)
			folder := forge(t, session, state)
			if err := os.Chown(folder+suffix, strangerID, strangerID); err != nil {
				t.Fatal(err)
			}
			checkUnknown(t, folder, folder+suffix+" belongs to user 54321")
		})
	}
}

// Even root ends no process of another user.
func TestDrainEndsItsOwnProcessesOnly(t *testing.T) {
	cachetest.NeedRoot(t)
	bystander := startBystander(t, strangerID).Process.Pid
	folder := forge(t, fmt.Sprintf("%d-abcdefgh", bystander), stateOf(bystander, 1))
	if got, _ := drainIt(t, folder, "100ms"); got.Ended != "limit" || got.ProcessID != bystander {
		t.Errorf("got %+v, want the limit", got)
	}
}
