package azuretest

import (
	"net/http"
	"sync"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
)

// requestLog remembers requests.
type requestLog struct {
	keep int
	mu   sync.Mutex
	list []*Request
}

// Request is a request to the service.
type Request struct {
	Method string
	Path   string // of the URL, decoded
	Query  string // as sent
	Range  string // x-ms-range, or else Range
	Header http.Header
	Status int           // 0 without a response, or before it
	Fault  faults.Action // the fault that was applied
}

func (l *requestLog) add(r *http.Request) *Request {
	if l.keep == 0 {
		return nil
	}
	note := &Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Range: rangeOf(r.Header), Header: r.Header}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) >= 2*l.keep {
		l.list = append([]*Request(nil), l.list[l.keep:]...)
	}
	l.list = append(l.list, note)
	return note
}

func (l *requestLog) fault(note *Request, rule *faults.Rule) {
	if note != nil && rule != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		note.Fault = rule.Action
	}
}

func (l *requestLog) responded(note *Request, status int) {
	if note != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		note.Status = status
	}
}

func (l *requestLog) copies() (requests []Request) {
	for _, note := range l.list {
		requests = append(requests, *note)
	}
	return requests
}

func (l *requestLog) take() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	requests := l.copies()
	l.list = nil
	return requests
}

// Requests returns the last requests, in the order of their arrival.
func (s *Service) Requests() []Request {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	return s.requests.copies()
}

// TakeRequests returns the last requests and forgets them.
func (s *Service) TakeRequests() []Request { return s.requests.take() }
