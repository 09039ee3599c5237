// Package tree creates files, directories and links below a directory that is held
// open: small files in batches, on other goroutines, within the free space of the file
// system. It follows no link and replaces nothing. It must not know where names and
// contents come from, nor which of them are allowed: package archive checks that.
package tree

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/descriptors"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diskspace"
)

const (
	// Files are written in batches of so many bytes or files, larger ones alone.
	batchSize  = 512 << 10
	batchFiles = 64
)

// maxWriters is how many batches of files are written at once. What
// creating a file costs is the kernel's work, and more than two cores compete
// for the same locks: with four, 300 small results take twice as long (ext4).
const maxWriters = 2

// Writers bounds how many batches of files several trees write at once.
type Writers struct{ slots chan struct{} }

// NewWriters returns writers. A process needs one.
func NewWriters() Writers {
	return Writers{make(chan struct{}, min(maxWriters, runtime.GOMAXPROCS(0)))}
}

// TimeError says that the system cannot give a file a time.
type TimeError struct {
	Name string
	Time time.Time
}

func (e *TimeError) Error() string { return fmt.Sprintf("%q has the time %s", e.Name, e.Time) }

const (
	// unmeasured is how much of an archive is restored before the free space is looked
	// at, in bytes. The task itself would write as much.
	unmeasured = 16 << 20

	// entrySpace is the space of an entry besides its content, in bytes.
	entrySpace = 4 << 10
)

// batchFolders is in how many folders the files of a batch are, at most: each is open.
var batchFolders = sync.OnceValue(func() int { return descriptors.Share(32, batchFiles) })

// ownerMode is the part of a file's mode that is restored as it was stored. The rest
// is what the umask of this process, or a default ACL of the folder, leaves of it.
const ownerMode fs.FileMode = 0o700

// folderMode is the mode with which all directories are created, whatever was stored.
// Nx creates its own so when it copies a result, and other users of a shared cache
// directory need the rest: moving or removing a directory takes write access to it.
const folderMode fs.FileMode = 0o777

// Attributes are what a file keeps besides its name and content.
type Attributes struct {
	Mode    fs.FileMode
	ModTime time.Time
}

// Tree creates entries below a root. Each is created by its name alone in its
// directory, which stays open meanwhile.
type Tree struct {
	root    *directory
	current *directory    // in which something was created last
	batch   *batch        // that is being filled, or nil
	slots   chan struct{} // of all that write batches
	space   *diskspace.Space
	writers sync.WaitGroup

	failed firstError // of a writer
}

// New makes a tree in a directory that is open, and stays so.
func New(dir *os.File, writers Writers) (*Tree, error) {
	root, err := folderOf(dir)
	if err != nil {
		return nil, err
	}
	top := &directory{name: ".", folder: root}
	top.users.Add(2)
	return &Tree{root: top, current: top, slots: writers.slots, space: diskspace.Of(dir, unmeasured)}, nil
}

// Close closes what is open. Nothing is written any more.
func (t *Tree) Close() {
	t.current.release()
	t.root.release()
}

// directory is one that is open as long as somebody uses it.
type directory struct {
	*folder
	name  string
	users atomic.Int32
}

func (d *directory) release() {
	if d.users.Add(-1) == 0 {
		d.close()
	}
}

// batch is small files that wait to be written.
type batch struct {
	content [batchSize]byte
	used    int
	files   []small
	folders int // that are open for them
}

// isFull reports whether a file in a folder does not fit in any more.
func (b *batch) isFull(in *directory, size int) bool {
	return b.used+size > batchSize || len(b.files) == batchFiles || b.folders == batchFolders() && b.isElsewhere(in)
}

// isElsewhere reports whether a folder is not that of the last file.
func (b *batch) isElsewhere(in *directory) bool {
	return len(b.files) == 0 || b.files[len(b.files)-1].directory != in
}

type small struct {
	directory *directory
	name      string
	content   []byte
	Attributes
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// enter opens the directory called name, which is there. The caller does not
// release it.
func (t *Tree) enter(name string) (*directory, error) {
	if t.current.name == name {
		return t.current, nil
	}
	if name == t.root.name {
		return t.root, nil
	}
	from, rel := t.root, name
	if t.current.name == path.Dir(name) {
		from, rel = t.current, path.Base(name)
	}
	opened, err := from.open(rel)
	if err != nil {
		return nil, err
	}
	t.current.release()
	t.current = &directory{name: name, folder: opened}
	t.current.users.Add(1)
	return t.current, nil
}

// Mkdir creates a directory.
func (t *Tree) Mkdir(name string) error {
	if err := t.space.Take(entrySpace); err != nil {
		return err
	}
	parent, err := t.enter(path.Dir(name))
	if err != nil {
		return err
	}
	return parent.mkdir(path.Base(name), folderMode)
}

// Create creates a file of size bytes from r, now or before Finish returns.
func (t *Tree) Create(name string, r io.Reader, size int64, attributes Attributes) error {
	if err := t.space.Take(size + entrySpace); err != nil {
		return err
	}
	parent, err := t.enter(path.Dir(name))
	if err != nil {
		return err
	}
	if size > batchSize {
		return t.createLarge(parent, path.Base(name), r, size, attributes)
	}
	if t.batch != nil && t.batch.isFull(parent, int(size)) {
		if err := t.flush(); err != nil {
			return err
		}
	}
	if t.batch == nil {
		t.batch = batches.Get().(*batch)
	}
	content := t.batch.content[t.batch.used:][:size]
	if _, err := io.ReadFull(r, content); err != nil {
		return err
	}
	t.batch.used += int(size)
	if t.batch.isElsewhere(parent) {
		t.batch.folders++
	}
	parent.users.Add(1)
	t.batch.files = append(t.batch.files, small{parent, path.Base(name), content, attributes})
	return nil
}

// createLarge writes a file while it is read.
func (t *Tree) createLarge(parent *directory, name string, r io.Reader, size int64, attributes Attributes) error {
	buffer := batches.Get().(*batch)
	defer batches.Put(buffer)
	return parent.create(name, attributes, func(f *file) error {
		_, err := io.CopyBuffer(t.space.Writer(f, size), onlyReader{r}, buffer.content[:])
		return err
	})
}

// onlyReader hides the shortcuts of [io.CopyBuffer], which need buffers of their
// own.
type onlyReader struct{ io.Reader }

// flush has the batch written, by another goroutine, as soon as one may begin. The
// error may be that of another batch.
func (t *Tree) flush() error {
	b := t.batch
	t.batch = nil
	t.slots <- struct{}{}
	t.writers.Go(func() { t.write(b) })
	return t.failed.get()
}

// write writes a batch, and gives back the slot of whoever does it.
func (t *Tree) write(b *batch) {
	defer func() { <-t.slots }()
	for _, f := range b.files {
		err := t.failed.get()
		if err == nil {
			err = f.directory.create(f.name, f.Attributes, func(file *file) error {
				_, err := file.Write(f.content)
				return err
			})
		}
		f.directory.release()
		if err != nil {
			t.failed.set(err)
		}
	}
	clear(b.files)
	b.used, b.files, b.folders = 0, b.files[:0], 0
	batches.Put(b)
}

// Finish returns when all files are written, or, if they are not to be, when
// nothing is being written any more.
func (t *Tree) Finish(givenUp error) error {
	t.failed.set(givenUp)
	if t.batch != nil {
		t.slots <- struct{}{}
		t.write(t.batch)
		t.batch = nil
	}
	t.writers.Wait()
	return t.failed.get()
}

// Link creates a link.
func (t *Tree) Link(name, target string, modTime time.Time) error {
	if err := t.space.Take(entrySpace); err != nil {
		return err
	}
	parent, err := t.enter(path.Dir(name))
	if err != nil {
		return err
	}
	return parent.symlink(target, path.Base(name), modTime)
}

// SetTime gives a directory, in which nothing is created any more, its time.
func (t *Tree) SetTime(name string, modTime time.Time) error {
	parent, err := t.enter(path.Dir(name))
	if err != nil {
		return err
	}
	return parent.setTime(path.Base(name), modTime)
}
