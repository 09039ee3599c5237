// Package tree creates files, directories and links below an open directory. It writes
// small files in batches on other goroutines, and leaves free space on the file system. It
// follows no link and replaces nothing. It must not know where names and contents come
// from, nor which of them are allowed: package archive checks that.
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
	// A batch has at most this many bytes and files. Larger files are written alone.
	batchSize  = 512 << 10
	batchFiles = 64
)

// maxWriters is how many batches of files are written at once. Creating a file is mostly
// the kernel's work, and more than two cores compete for the same locks: with four, 300
// small results take twice as long (ext4).
const maxWriters = 2

// Writers bounds how many batches of files several trees write at once.
type Writers struct{ slots chan struct{} }

// NewWriters returns the writers of a process.
func NewWriters() Writers {
	return Writers{make(chan struct{}, min(maxWriters, runtime.GOMAXPROCS(0)))}
}

// TimeError means that the system cannot represent the time of a file.
type TimeError struct {
	Name string
	Time time.Time
}

func (e *TimeError) Error() string { return fmt.Sprintf("%q has the time %s", e.Name, e.Time) }

const (
	// unmeasured is how many bytes are written before the free space is measured. The task
	// itself would write as much.
	unmeasured = 16 << 20

	// entrySpace is the space that an entry takes besides its content, in bytes.
	entrySpace = 4 << 10
)

// batchFolders is the maximum number of folders in a batch, because each is open.
var batchFolders = sync.OnceValue(func() int { return descriptors.Share(32, batchFiles) })

// ownerMode is the part of a file's mode that is restored unchanged. The umask of this
// process or a default ACL of the folder limits the rest.
const ownerMode fs.FileMode = 0o700

// folderMode is the mode of all created directories. Nx creates directories with this mode
// when it copies a result. Other users of a shared cache directory need write access to
// move or remove a directory.
const folderMode fs.FileMode = 0o777

// Attributes are the attributes of a file.
type Attributes struct {
	Mode    fs.FileMode
	ModTime time.Time
}

// Tree creates entries below a root. It creates each entry by name in its open directory.
type Tree struct {
	root    *directory
	current *directory    // of the last entry
	batch   *batch        // being filled, or nil
	slots   chan struct{} // shared by all trees
	space   *diskspace.Space
	writers sync.WaitGroup

	failed firstError // of a writer
}

// New returns a tree in an open directory. The caller keeps it open.
func New(dir *os.File, writers Writers) (*Tree, error) {
	root, err := folderOf(dir)
	if err != nil {
		return nil, err
	}
	top := &directory{name: ".", folder: root}
	top.users.Add(2)
	return &Tree{root: top, current: top, slots: writers.slots, space: diskspace.Of(dir, unmeasured)}, nil
}

// Close closes the directories. No file may be in work.
func (t *Tree) Close() {
	t.current.release()
	t.root.release()
}

// directory is a directory that stays open while it has users.
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

// batch is a group of small files that are written together.
type batch struct {
	content [batchSize]byte
	used    int
	files   []smallFile
	folders int // open for the files
}

// isFull reports whether another file, in a directory, does not fit into the batch.
func (b *batch) isFull(in *directory, size int) bool {
	return b.used+size > batchSize || len(b.files) == batchFiles || b.folders == batchFolders() && b.isNewFolder(in)
}

// isNewFolder reports whether a directory is not the one of the last file.
func (b *batch) isNewFolder(in *directory) bool {
	return len(b.files) == 0 || b.files[len(b.files)-1].directory != in
}

type smallFile struct {
	directory *directory
	name      string
	content   []byte
	Attributes
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// openDirectory opens the existing directory called name. The caller must not release it.
func (t *Tree) openDirectory(name string) (*directory, error) {
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
	parent, err := t.openDirectory(path.Dir(name))
	if err != nil {
		return err
	}
	return parent.mkdir(path.Base(name), folderMode)
}

// Create creates a file of size bytes from r, before [Tree.Finish] returns.
func (t *Tree) Create(name string, r io.Reader, size int64, attributes Attributes) error {
	if err := t.space.Take(size + entrySpace); err != nil {
		return err
	}
	parent, err := t.openDirectory(path.Dir(name))
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
	if t.batch.isNewFolder(parent) {
		t.batch.folders++
	}
	parent.users.Add(1)
	t.batch.files = append(t.batch.files, smallFile{parent, path.Base(name), content, attributes})
	return nil
}

// createLarge writes a file while it reads the content.
func (t *Tree) createLarge(parent *directory, name string, r io.Reader, size int64, attributes Attributes) error {
	buffer := batches.Get().(*batch)
	defer batches.Put(buffer)
	return parent.create(name, attributes, func(f *file) error {
		_, err := io.CopyBuffer(t.space.Writer(f, size), onlyReader{r}, buffer.content[:])
		return err
	})
}

// onlyReader hides the optional interfaces that [io.CopyBuffer] would use, which allocate
// other buffers.
type onlyReader struct{ io.Reader }

// flush starts to write the batch on another goroutine, as soon as a slot is free. The
// error may be about another batch.
func (t *Tree) flush() error {
	b := t.batch
	t.batch = nil
	t.slots <- struct{}{}
	t.writers.Go(func() { t.write(b) })
	return t.failed.get()
}

// write writes a batch, and releases the slot.
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

// Finish waits until all files are written. If err is set, no more files are written, and
// Finish waits until none is being written.
func (t *Tree) Finish(err error) error {
	t.failed.set(err)
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
	parent, err := t.openDirectory(path.Dir(name))
	if err != nil {
		return err
	}
	return parent.symlink(target, path.Base(name), modTime)
}

// SetTime sets the time of a directory. Creating entries in it later would change it.
func (t *Tree) SetTime(name string, modTime time.Time) error {
	parent, err := t.openDirectory(path.Dir(name))
	if err != nil {
		return err
	}
	return parent.setTime(path.Base(name), modTime)
}
