package scratch

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
)

// pendingName is the file in a process's folder in which its client notes the tasks that
// it runs: "+HASH\n" before a task begins, "-HASH\n" when it ends, with a result or
// without. Other processes in the same cache directory read it.
//
// Two runs of one task in one workspace disturb each other: a task that begins may delete
// what the other has just built, while Nx copies it. What Nx then hands over is
// incomplete, and nothing in it shows that. So a result is not stored while another run
// here is making it, too. The last of them that succeeds stores it, if its mode lets it
// write. If a run fails after the others have ended, none of them stores the result: the
// next run that makes it does.
//
// A run that ends in the middle of a task, by Ctrl-C perhaps, or whose task fails, may have
// deleted what another one does not build again. So at its end its process appends "~HASH\n"
// to the files of all others: what they have begun before that is not stored either. For
// a process that was killed, the one that removes its folder does so. A client appends it,
// too, before Nx restores a result to the workspace, which deletes what is there.
//
// What is not seen: runs without this cache (NX_SKIP_REMOTE_CACHE, --skip-nx-cache), of
// other users, in batches of Nx, and on file systems without locks; runs of the same task
// with another hash.
const pendingName = "pending"

// maxPending is more than a run writes: 20,000 tasks need a megabyte.
const maxPending = 16 << 20

// IsMadeByAnother reports whether another run that is at work in the cache directory
// is making the result of a hash, or has ended in the middle of it meanwhile.
func (f *Folder) IsMadeByAnother(hash string) bool {
	for _, session := range f.others() {
		if !isPending(f.parent, session, hash) {
			continue
		}
		// What has died before this run began has been swept.
		if alive, err := isAlive(f.parent, session); err == nil && (alive || f.swept.Load()) {
			return true
		}
	}
	own, err := readPending(f.parent, f.session) // last: see endRun
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

// endRun says to other processes that the run makes no results any more, and which it
// has not finished. They hear that before its notes are gone: there is no moment in
// which nothing is known of it.
func (f *Folder) endRun() {
	f.passOn(f.session)
	_ = f.Root.Remove(pendingName) // which may not be there
}

// passOn tells other processes what a session has not finished.
func (f *Folder) passOn(session string) {
	notes, err := readPending(f.parent, session)
	if err != nil {
		return // there are none
	}
	left := notes.unfinished()
	if left == "" {
		return
	}
	for _, other := range f.others() {
		if other != session {
			appendPending(f.parent, other, left)
		}
	}
}

// isPending reports whether the file of a session says that it is making a result.
func isPending(parent *directory.Dir, session, hash string) bool {
	notes, err := readPending(parent, session)
	return err == nil && notes.last('+', hash) > notes.last('-', hash)
}

// notes are what is in such a file, behind a line feed.
type notes []byte

// last is where a hash was noted last with a sign, or -1.
func (n notes) last(sign byte, hash string) int {
	return bytes.LastIndex(n, []byte("\n"+string(sign)+hash+"\n"))
}

// unfinished are the notes for others about the tasks of which Nx has no result.
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
		_, _ = f.Seek(-maxPending, io.SeekEnd) // else the oldest notes are read
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
	_, _ = f.WriteString(notes) // what cannot be written is not seen
	_ = f.Close()
}

func openPending(parent *directory.Dir, session string, flags int) (*os.File, error) {
	name := path.Join(session, pendingName)
	// Opening what is no file may wait for ever.
	if info, err := parent.Root.Lstat(name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	return parent.Root.OpenFile(name, flags, 0)
}
