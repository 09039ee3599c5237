package azuretest

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

func (c *call) getBlob() response {
	if !c.rights().Read {
		return notPermitted
	}
	s := &c.service.store
	s.mu.RLock()
	container, b := c.find()
	s.mu.RUnlock()
	if container == nil {
		return containerNotFound
	}
	if refusal, refused := refuseRead(c.r.Header, b); refused {
		return refusal
	}
	if b == nil {
		return blobNotFound
	}
	if b.archived && c.r.Method == http.MethodGet {
		return blobArchived
	}
	return c.content(b)
}

// content is a blob, or the requested range of it.
func (c *call) content(b *blob) response {
	requested := rangeOf(c.r.Header)
	if requested == "" || c.r.Method == http.MethodHead { // Get Blob Properties knows no ranges
		return response{status: http.StatusOK, header: b.header, extra: common, body: b.body(0, b.size), length: b.size}
	}
	from, to, ok := parseRange(requested)
	switch {
	case !ok:
		return invalidHeader()
	case from >= b.size:
		refusal := failure(http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
		refusal.header = http.Header{"Content-Range": {fmt.Sprintf("bytes */%d", b.size)}}
		return refusal
	}
	to = min(to, b.size-1)
	length := to - from + 1
	a := response{status: http.StatusPartialContent, header: b.header, extra: maps.Clone(common), body: b.body(from, length), length: length}
	a.extra["Content-Range"] = []string{fmt.Sprintf("bytes %d-%d/%d", from, to, b.size)}
	if whole, ok := b.header["Content-Md5"]; ok { // this name is for the digest of the range
		a.extra["Content-Md5"] = nil
		a.extra["X-Ms-Blob-Content-Md5"] = whole
	}
	return c.withDigest(a)
}

// maxRangeDigest is the longest range with a digest.
const maxRangeDigest = 4 << 20

// withDigest adds the MD5 of a range if the request wants it.
func (c *call) withDigest(a response) response {
	if !strings.EqualFold(c.r.Header.Get("x-ms-range-get-content-md5"), "true") {
		return a
	}
	if a.length > maxRangeDigest {
		return invalidHeader()
	}
	digest := md5.Sum(bytes.Join(a.body, nil))
	a.extra["Content-Md5"] = []string{base64.StdEncoding.EncodeToString(digest[:])}
	return a
}

// rangeOf is the requested range; x-ms-range takes precedence.
func rangeOf(h http.Header) string {
	if values := h["X-Ms-Range"]; len(values) > 0 {
		return values[0]
	}
	return h.Get("Range")
}

// parseRange reads bytes=FROM-TO and bytes=FROM-, the forms that Azure accepts.
func parseRange(text string) (from, to int64, ok bool) {
	text, ok = strings.CutPrefix(text, "bytes=")
	first, last, dash := strings.Cut(text, "-")
	if !ok || !dash {
		return 0, 0, false
	}
	begin, err := strconv.ParseUint(first, 10, 63)
	if err != nil {
		return 0, 0, false
	}
	if last == "" {
		return int64(begin), 1<<63 - 1, true
	}
	end, err := strconv.ParseUint(last, 10, 63)
	return int64(begin), int64(end), err == nil && begin <= end
}
