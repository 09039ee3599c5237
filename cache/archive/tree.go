package archive

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// Files are written in batches of so many bytes or files, larger ones alone.
	batchSize  = 512 << 10
	batchFiles = 64

	// maxWriters is how many batches of an archive are written at the same time.
	// What creating a file costs is the kernel's work: more than two cores
	// compete for the same locks.
	maxWriters = 2
)

// attributes are what an entry keeps besides its name and content.
type attributes struct {
	mode    fs.FileMode
	modTime time.Time
}

// tree creates files below a root. Each is created by its name alone in its
// directory, which stays open meanwhile. It never follows a link or replaces anything.
type tree struct {
	root    *os.Root
	current *directory // in which something was created last, or nil
	batch   *batch     // that is being filled, or nil
	slots   chan struct{}
	writers sync.WaitGroup

	mu  sync.Mutex
	err error // of a writer
}

func newTree(root *os.Root) *tree {
	return &tree{root: root, slots: make(chan struct{}, min(maxWriters, runtime.GOMAXPROCS(0)))}
}

// directory is one that is open as long as somebody uses it.
type directory struct {
	name  string
	root  *os.Root
	users atomic.Int32
}

func (d *directory) release() {
	if d.users.Add(-1) == 0 {
		_ = d.root.Close() // a handle of a directory: nothing is lost
	}
}

// batch is small files that wait to be written.
type batch struct {
	content [batchSize]byte
	used    int
	files   []small
}

type small struct {
	directory *directory
	name      string
	content   []byte
	attributes
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// enter opens the directory called name, which is there. The caller does not
// release it.
func (t *tree) enter(name string) (*directory, error) {
	if t.current != nil && t.current.name == name {
		return t.current, nil
	}
	from, rel := t.root, name
	if t.current != nil && t.current.name == path.Dir(name) {
		from, rel = t.current.root, path.Base(name)
	}
	root, err := from.OpenRoot(filepath.FromSlash(rel))
	if err != nil {
		return nil, err
	}
	t.leave()
	t.current = &directory{name: name, root: root}
	t.current.users.Add(1)
	return t.current, nil
}

func (t *tree) leave() {
	if t.current != nil {
		t.current.release()
		t.current = nil
	}
}

// mkdir creates a directory, which stays writable.
func (t *tree) mkdir(name string, mode fs.FileMode) error {
	parent, err := t.enter(path.Dir(name))
	if err != nil {
		return err
	}
	return parent.root.Mkdir(path.Base(name), mode|0o700)
}

// create creates a file of size bytes from r, now or before finish returns.
func (t *tree) create(name string, r io.Reader, size int64, attributes attributes) error {
	parent, err := t.enter(path.Dir(name))
	if err != nil {
		return err
	}
	if size > batchSize {
		return t.createLarge(parent, path.Base(name), r, attributes)
	}
	if t.batch != nil && (t.batch.used+int(size) > batchSize || len(t.batch.files) == batchFiles) {
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
	parent.users.Add(1)
	t.batch.files = append(t.batch.files, small{parent, path.Base(name), content, attributes})
	return nil
}

// createLarge writes a file while it is read.
func (t *tree) createLarge(parent *directory, name string, r io.Reader, attributes attributes) error {
	buffer := batches.Get().(*batch)
	defer batches.Put(buffer)
	err := attributes.create(parent.root, name, func(f *os.File) error {
		_, err := io.CopyBuffer(onlyWriter{f}, onlyReader{r}, buffer.content[:])
		return err
	})
	return err
}

// What hides the shortcuts of [io.CopyBuffer], which need buffers of their own.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)

// create creates a file with what write writes to it.
func (a attributes) create(parent *os.Root, name string, write func(*os.File) error) error {
	f, err := parent.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, a.mode)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil && a.mode&umask != 0 {
		err = f.Chmod(a.mode)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return parent.Chtimes(name, a.modTime, a.modTime)
}

// flush has the batch written, by another goroutine, as soon as one may begin. The
// error may be that of another batch.
func (t *tree) flush() error {
	b := t.batch
	t.batch = nil
	t.slots <- struct{}{}
	t.writers.Go(func() {
		defer func() { <-t.slots }()
		t.write(b)
	})
	return t.problem()
}

func (t *tree) write(b *batch) {
	for _, f := range b.files {
		err := t.problem()
		if err == nil {
			err = f.create(f.directory.root, f.name, func(file *os.File) error {
				_, err := file.Write(f.content)
				return err
			})
		}
		f.directory.release()
		if err != nil {
			t.failed(err)
		}
	}
	clear(b.files)
	b.used, b.files = 0, b.files[:0]
	batches.Put(b)
}

func (t *tree) failed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
	}
}

func (t *tree) problem() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// finish returns when all files are written, or, if they are not to be, when
// nothing is being written any more.
func (t *tree) finish(givenUp error) error {
	if givenUp != nil {
		t.failed(givenUp)
	}
	if t.batch != nil {
		t.write(t.batch)
		t.batch = nil
	}
	t.writers.Wait()
	return t.problem()
}

// link creates a link.
func (t *tree) link(name, target string, modTime time.Time) error {
	parent, err := t.enter(path.Dir(name))
	if err != nil {
		return err
	}
	base := path.Base(name)
	if err := parent.root.Symlink(filepath.FromSlash(target), base); err != nil {
		return err
	}
	return setLinkTime(parent.root, base, modTime)
}

// set gives a directory, in which nothing is created any more, its time and mode.
func (t *tree) set(name string, attributes attributes) error {
	parent, err := t.enter(path.Dir(name))
	if err != nil {
		return err
	}
	base := path.Base(name)
	if err := parent.root.Chtimes(base, attributes.modTime, attributes.modTime); err != nil {
		return err
	}
	if attributes.mode&umask == 0 && attributes.mode&0o700 == 0o700 {
		return nil // as it was created
	}
	return parent.root.Chmod(base, attributes.mode)
}
