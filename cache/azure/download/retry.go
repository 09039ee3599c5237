package download

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/awake"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// maxResumptions is how often a part is taken up again in all. A connection that
// gains a few bytes each time gains nothing.
const maxResumptions = 8

// stream is a range of a blob, read from a connection. When that breaks it asks
// again for what is missing. While it is quiet it asks for that on another connection
// at the same time: this one may be bad, or the network is dead.
type stream struct {
	ctx     context.Context
	source  Source
	stalls  *stalls
	at, end int64         // what is still to be read; end is -1 where nobody knows it
	body    io.ReadCloser // nil until it is asked for

	resumptions int
	idle        int   // of them, since a byte has come
	broken      error // the last one

	quiet    *awake.Timer // runs while it is read
	rival    *rival       // since it has been quiet
	overtake context.CancelCauseFunc
	ahead    []byte // what has come of the body in advance
}

// Read implements [io.Reader].
func (s *stream) Read(p []byte) (int, error) {
	for s.at != s.end {
		if s.body == nil {
			if err := s.open(); err != nil {
				return 0, err
			}
		}
		if s.end >= 0 {
			p = p[:min(int64(len(p)), s.end-s.at)]
		}
		n, err := s.read(p)
		s.at += int64(n)
		if n > 0 {
			s.idle = 0
		}
		if err == io.EOF && s.end < 0 {
			s.end = s.at
		}
		if err != nil && s.at != s.end {
			err = s.resume(err)
		}
		if n > 0 || err != nil && err != io.EOF {
			return n, err
		}
	}
	return 0, io.EOF
}

// peek waits for the first byte. Who answers with a header and then says no more is
// found out here, where many are waited for at once, and not when it is their turn.
func (s *stream) peek() error {
	if s.at == s.end {
		return nil
	}
	first := make([]byte, 1)
	n, err := s.Read(first)
	s.at -= int64(n)
	s.ahead = first[:n]
	if err == io.EOF {
		return nil
	}
	return err
}

// open asks for what is missing.
func (s *stream) open() error {
	body, err := s.source.Open(s.cancellable(), s.at, s.end)
	if errors.Is(err, ErrOtherBytes) && s.broken != nil {
		return s.broken // a storage that gives no parts
	}
	s.body = body
	return err
}

// cancellable is the context of a request whose body may be overtaken.
func (s *stream) cancellable() context.Context {
	ctx, cancel := context.WithCancelCause(s.ctx)
	s.overtake = cancel
	return ctx
}

// read reads from the body, or what comes first of it and its rival.
func (s *stream) read(p []byte) (int, error) {
	if len(s.ahead) > 0 {
		n := copy(p, s.ahead)
		s.ahead = s.ahead[n:]
		return n, nil
	}
	if s.quiet == nil {
		s.quiet = awake.NewTimer(s.isQuiet)
	}
	s.quiet.Reset(s.stalls.quiet())
	n, err := s.body.Read(p)
	s.quiet.Stop()
	if s.rival != nil {
		n, err = s.decide(n, err)
	}
	if _, isLimit := errors.AsType[*transport.LimitError](err); isLimit {
		s.stalls.spend()
	}
	return n, err
}

// isQuiet asks for the same on another connection, if that can be. The reader waits
// meanwhile.
func (s *stream) isQuiet() time.Duration {
	at, end := s.at, s.end
	switch {
	case s.stalls.spent():
		s.overtake(s.stalls.over())
	case end >= 0:
		s.rival = &rival{
			stalls:   s.stalls,
			ask:      func(ctx context.Context) (io.ReadCloser, error) { return s.source.Open(ctx, at, end) },
			overtake: s.overtake,
		}
		s.rival.start(s.ctx)
	}
	return 0
}

// decide goes on with the body that has moved, if any. Where its own limit has ended
// this one, a rival had time enough, too: then it is the network.
func (s *stream) decide(n int, err error) (int, error) {
	r := s.rival
	s.rival = nil
	r.stop()
	if n > 0 || err == nil || r.body == nil {
		r.drop()
		return n, err
	}
	if !s.stalls.count(r.lasted) {
		r.drop()
		return 0, s.stalls.over()
	}
	_ = s.Close() // it was overtaken
	s.body, s.overtake, s.ahead = r.body, r.end, r.first[:]
	return 0, nil
}

// resume prepares to ask again for what is missing, or returns why not.
func (s *stream) resume(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	_ = s.Close() // it is broken
	_, stalls := errors.AsType[*transport.LimitError](err)
	s.resumptions++
	s.idle++
	if s.ctx.Err() != nil || s.end < 0 || s.idle > transport.MaxRetries || s.resumptions > maxResumptions || stalls {
		return err
	}
	s.broken = err
	return nil
}

// Close ends the connection's use.
func (s *stream) Close() error {
	if s.overtake != nil {
		defer s.overtake(nil)
	}
	if s.body == nil {
		return nil
	}
	err := s.body.Close()
	s.body, s.ahead = nil, nil
	return err
}
