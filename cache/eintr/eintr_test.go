package eintr_test

import (
	"syscall"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/eintr"
)

func TestRetryRepeatsInterruptedCalls(t *testing.T) {
	for _, want := range []error{nil, syscall.EIO} {
		calls := 0
		value, err := eintr.RetryValue(func() (int, error) {
			if calls++; calls < 3 {
				return -1, syscall.EINTR
			}
			return calls, want
		})
		if value != 3 || err != want {
			t.Errorf("got %d, %v; want 3, %v", value, err, want)
		}
	}
}

func TestRetryReturnsOtherErrorsAtOnce(t *testing.T) {
	calls := 0
	err := eintr.Retry(func() error { calls++; return syscall.EAGAIN })
	if err != syscall.EAGAIN || calls != 1 {
		t.Errorf("got %v after %d calls, want %v after 1", err, calls, syscall.EAGAIN)
	}
}
