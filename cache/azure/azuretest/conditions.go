package azuretest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// conditions are the conditional headers of a request
// (learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations).
type conditions struct {
	match, noneMatch               []string
	modifiedSince, unmodifiedSince *time.Time
}

func conditionsOf(h http.Header) conditions {
	return conditions{
		match: etags(h.Get("If-Match")), noneMatch: etags(h.Get("If-None-Match")),
		modifiedSince: parseTime(h.Get("If-Modified-Since")), unmodifiedSince: parseTime(h.Get("If-Unmodified-Since")),
	}
}

// etags returns the ETags of a list, without their quotes.
func etags(list string) (all []string) {
	if list == "" {
		return nil
	}
	for etag := range strings.SplitSeq(list, ",") {
		all = append(all, strings.Trim(etag, ` "`))
	}
	return all
}

// An invalid time is ignored (RFC 9110, 13.1.3).
func parseTime(text string) *time.Time {
	if t, err := http.ParseTime(text); err == nil {
		return &t
	}
	return nil
}

var anyETag = []string{"*"}

func has(list []string, b *blob) bool {
	return slices.Equal(list, anyETag) || slices.Contains(list, strings.Trim(b.etag, `"`))
}

// outdated reports whether the blob is not, or no longer, the wanted one.
func (c conditions) outdated(b *blob) bool {
	return c.match != nil && !has(c.match, b) || c.unmodifiedSince != nil && b.modified.After(*c.unmodifiedSince)
}

// unmodified reports whether the blob is still the unwanted one: it has the same ETag and
// was not modified.
func (c conditions) unmodified(b *blob) bool {
	other := c.noneMatch != nil && !has(c.noneMatch, b)
	later := c.modifiedSince != nil && b.modified.After(*c.modifiedSince)
	return (c.noneMatch != nil || c.modifiedSince != nil) && !other && !later
}

// refuseRead refuses a read whose conditions do not hold; b is the blob, or nil.
func refuseRead(h http.Header, b *blob) (refusal response, refused bool) {
	c := conditionsOf(h)
	switch {
	case slices.Equal(c.noneMatch, anyETag): // a read of a blob that must not exist
		return failure(http.StatusBadRequest, "UnsatisfiableCondition"), true
	case b == nil:
		return conditionNotMet, c.match != nil // as Azurite does; Azure's page does not say
	case c.outdated(b):
		return conditionNotMet, true
	case c.unmodified(b):
		refusal = failure(http.StatusNotModified, "ConditionNotMet")
		refusal.header = http.Header{"Etag": b.header["Etag"], "Last-Modified": b.header["Last-Modified"]}
		return refusal, true
	default:
		return response{}, false
	}
}

// refuseChange refuses a write or delete whose conditions do not hold; b is the blob, or
// nil.
func refuseChange(h http.Header, b *blob) (refusal response, refused bool) {
	c := conditionsOf(h)
	switch {
	case b == nil:
		return conditionNotMet, c.match != nil
	case slices.Equal(c.noneMatch, anyETag):
		return failure(http.StatusConflict, "BlobAlreadyExists"), true
	default:
		return conditionNotMet, c.outdated(b) || c.unmodified(b)
	}
}
