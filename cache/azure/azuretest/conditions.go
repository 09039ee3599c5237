package azuretest

import (
	"net/http"
	"strings"
	"time"
)

// conditions are the headers of a request that make it depend on the blob.
type conditions struct {
	match, noneMatch                string
	modifiedSince, unmodifiedSince  time.Time
	hasModifiedSince, hasUnmodified bool
}

func conditionsOf(h http.Header) conditions {
	c := conditions{match: h.Get("If-Match"), noneMatch: h.Get("If-None-Match")}
	c.modifiedSince, c.hasModifiedSince = parseTime(h.Get("If-Modified-Since"))
	c.unmodifiedSince, c.hasUnmodified = parseTime(h.Get("If-Unmodified-Since"))
	return c
}

// A time that is none is no condition (RFC 9110, 13.1.3).
func parseTime(text string) (time.Time, bool) {
	if text == "" {
		return time.Time{}, false
	}
	t, err := http.ParseTime(text)
	return t, err == nil
}

func sameETag(condition, etag string) bool {
	return condition == "*" || strings.Trim(condition, `"`) == strings.Trim(etag, `"`)
}

// outdated reports whether the blob is not, or no longer, what is wanted.
func (c conditions) outdated(b *blob) bool {
	return c.match != "" && !sameETag(c.match, b.etag) || c.hasUnmodified && b.modified.After(c.unmodifiedSince)
}

// known reports whether the blob is still what it must not be.
func (c conditions) known(b *blob) bool {
	return c.noneMatch != "" && sameETag(c.noneMatch, b.etag) || c.hasModifiedSince && !b.modified.After(c.modifiedSince)
}

// refuseRead refuses to read a blob whose conditions do not hold.
func refuseRead(h http.Header, b *blob) (refusal answer, refused bool) {
	c := conditionsOf(h)
	switch {
	case c.outdated(b):
		return conditionNotMet, true
	case c.known(b):
		refusal = failure(http.StatusNotModified, "ConditionNotMet")
		refusal.header = http.Header{"Etag": b.header["Etag"], "Last-Modified": b.header["Last-Modified"]}
		return refusal, true
	default:
		return answer{}, false
	}
}

// refuseChange refuses to write or delete a blob whose conditions do not hold; b
// is what is there, or nil.
func refuseChange(h http.Header, b *blob) (refusal answer, refused bool) {
	c := conditionsOf(h)
	switch {
	case b == nil:
		return conditionNotMet, c.match != ""
	case c.noneMatch == "*":
		return failure(http.StatusConflict, "BlobAlreadyExists"), true
	default:
		return conditionNotMet, c.outdated(b) || c.known(b)
	}
}
