package azuretest

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// throttle admits a number of requests each second.
type throttle struct {
	mu         sync.Mutex
	perSecond  int // 0 means no limit
	retryAfter time.Duration
	second     time.Time // when the current one began
	count      int       // in the current second
}

// Throttle makes all but the first requests of each second fail with 503 ServerBusy; 0
// means no limit. Azure sends no Retry-After; nor does this if retryAfter is 0.
func (s *Service) Throttle(perSecond int, retryAfter time.Duration) {
	s.throttle.mu.Lock()
	defer s.throttle.mu.Unlock()
	s.throttle.perSecond, s.throttle.retryAfter, s.throttle.count = perSecond, retryAfter, 0
}

func (t *throttle) refuse(now time.Time) (response, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.perSecond == 0 {
		return response{}, false
	}
	if now.Sub(t.second) >= time.Second {
		t.second, t.count = now, 0
	}
	if t.count++; t.count <= t.perSecond {
		return response{}, false
	}
	busy := failure(http.StatusServiceUnavailable, "ServerBusy")
	busy.header = retryAfter(t.retryAfter)
	return busy, true
}

// retryAfter is the header, in seconds, rounded up.
func retryAfter(d time.Duration) http.Header {
	if d <= 0 {
		return nil
	}
	return http.Header{"Retry-After": {strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)}}
}
