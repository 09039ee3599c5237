package tree

import "sync"

// firstError is the first error of several goroutines.
type firstError struct {
	mu  sync.Mutex
	err error
}

// set notes an error, if it is one and the first.
func (f *firstError) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *firstError) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
