package scratch

import (
	"bytes"
	"io"
	"os"
	"path"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
)

// pendingName is the file in a process's folder in which the client records the tasks that
// it runs: "+HASH\n" before a task begins, "-HASH\n" when the task ends, with or without a
// result. Other processes in the same cache directory read the file.
//
// Two runs of one task in one workspace disturb each other: a task that begins may delete
// what the other has just built, while Nx copies it. Nx then hands over an incomplete
// result, and nothing in it shows that. So a process does not store a result while another
// run in the cache directory is making it, too. The last run that succeeds stores the
// result, if its mode allows it. If a run fails after the others have ended, the next run
// that makes the result stores it.
//
// A run whose task fails, or that ends in the middle of a task, by Ctrl-C for example, may
// have deleted what another run does not build again. So when it ends, its process appends
// "~HASH\n" to the files of all others, and they do not store what they began before that
// line. If a process was killed, the one that removes its folder appends the line. A client
// also appends it before Nx restores a result to the workspace, which deletes the outputs
// there.
//
// A process does not see runs without this cache (NX_SKIP_REMOTE_CACHE,
// --skip-nx-cache), runs of other users, batches of Nx, runs on file systems without
// locks, and runs of the same task with another hash.
const pendingName = "pending"

// maxPending is more than a run writes: 20,000 tasks take a megabyte.
const maxPending = 16 << 20

// IsMadeByAnother reports whether another run in the cache directory is making the result
// of hash, or has begun to make it and ended since this run began.
func (f *Folder) IsMadeByAnother(hash string) bool {
	for _, session := range f.others() {
		if !isPending(f.parent, session, hash) {
			continue
		}
		// Once the sweep is done, a dead process has died during this run.
		if alive, err := isAlive(f.parent, session); err == nil && (alive || f.swept.Load()) {
			return true
		}
	}
	own, err := readPending(f.parent, f.session) // last, see endRun
	return err == nil && own.last('~', hash) > own.last('+', hash) && own.last('+', hash) >= 0
}

// others are the other sessions in the cache directory, alive or not.
func (f *Folder) others() (sessions []string) {
	for _, name := range f.parent.Names() {
		session, isLock := strings.CutSuffix(name, lockSuffix)
		if isLock && session != f.session && processOf(session) != 0 {
			sessions = append(sessions, session)
		}
	}
	return sessions
}

// endRun tells other processes that the run makes no more results, and which results it has
// not finished. It tells them before it removes its notes, so that there is no gap.
func (f *Folder) endRun() {
	f.reportUnfinished(f.session)
	_ = f.Root.Remove(pendingName) // which may not exist
}

// reportUnfinished tells other processes which results a session has not finished.
func (f *Folder) reportUnfinished(session string) {
	notes, err := readPending(f.parent, session)
	if err != nil {
		return // no notes
	}
	unfinished := notes.unfinished()
	if unfinished == "" {
		return
	}
	for _, other := range f.others() {
		if other != session {
			appendPending(f.parent, other, unfinished)
		}
	}
}

// isPending reports whether a session is making a result, according to its notes.
func isPending(parent *directory.Dir, session, hash string) bool {
	notes, err := readPending(parent, session)
	return err == nil && notes.last('+', hash) > notes.last('-', hash)
}

// notes is the content of a file called [pendingName], after a line feed.
type notes []byte

// last is the position of the last note with this sign and hash, or -1.
func (n notes) last(sign byte, hash string) int {
	return bytes.LastIndex(n, []byte("\n"+string(sign)+hash+"\n"))
}

// unfinished returns the notes for other processes about tasks that have begun and not ended.
func (n notes) unfinished() string {
	begun := make(map[string]bool)
	for line := range strings.Lines(string(n)) {
		note, isWhole := strings.CutSuffix(line, "\n")
		if isWhole && note != "" && taskhash.Check(note[1:]) == nil && note[0] != '~' {
			begun[note[1:]] = note[0] == '+'
		}
	}
	var left strings.Builder
	for hash, isLeft := range begun {
		if isLeft {
			left.WriteString("~" + hash + "\n")
		}
	}
	return left.String()
}

func readPending(parent *directory.Dir, session string) (notes, error) {
	f, err := openPending(parent, session, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close() // opened for reading: nothing is lost
	if info, err := f.Stat(); err == nil && info.Size() > maxPending {
		_, _ = f.Seek(-maxPending, io.SeekEnd) // on failure, this reads the oldest notes
	}
	content, err := io.ReadAll(io.LimitReader(f, maxPending))
	return append(notes("\n"), content...), err
}

// appendPending adds notes to the file of a session, if there is one.
func appendPending(parent *directory.Dir, session, notes string) {
	f, err := openPending(parent, session, os.O_APPEND|os.O_WRONLY)
	if err != nil {
		return
	}
	_, _ = f.WriteString(notes) // on failure, the other process does not see them
	_ = f.Close()
}

func openPending(parent *directory.Dir, session string, flags int) (*os.File, error) {
	return directory.OpenFile(parent.Root, path.Join(session, pendingName), flags)
}
