package azuretest

import (
	"bytes"
	"encoding/xml"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// response is the response to a request.
type response struct {
	status int
	code   string      // of an error
	header http.Header // added to those of every response; may be shared
	extra  http.Header // added as well; takes precedence
	body   [][]byte    // in pieces, so that nothing is copied
	length int64       // of the body; for HEAD, of the body that GET would have
	stored bool        // the request wrote a blob
}

func failure(status int, code string) response { return response{status: status, code: code} }

// Failures of more than one operation.
var (
	notImplemented    = failure(http.StatusNotImplemented, "NotImplemented")
	containerNotFound = failure(http.StatusNotFound, "ContainerNotFound")
	blobNotFound      = failure(http.StatusNotFound, "BlobNotFound")
	blobArchived      = failure(http.StatusConflict, "BlobArchived")
	conditionNotMet   = failure(http.StatusPreconditionFailed, "ConditionNotMet")
	notPermitted      = failure(http.StatusForbidden, "AuthorizationPermissionMismatch")
)

func invalidHeader() response { return failure(http.StatusBadRequest, "InvalidHeaderValue") }

// messages are Azure's messages for common codes. For other codes, the code is the message.
var messages = map[string]string{
	"AuthorizationPermissionMismatch": "This request is not authorized to perform this operation using this permission.",
	"BlobAlreadyExists":               "The specified blob already exists.",
	"BlobArchived":                    "This operation is not permitted on an archived blob.",
	"BlobNotFound":                    "The specified blob does not exist.",
	"ConditionNotMet":                 "The condition specified using HTTP conditional header(s) is not met.",
	"ContainerAlreadyExists":          "The specified container already exists.",
	"ContainerNotFound":               "The specified container does not exist.",
	"InvalidHeaderValue":              "The value for one of the HTTP headers is not in the correct format.",
	"InvalidRange":                    "The range specified is invalid for the current size of the resource.",
	"Md5Mismatch":                     "The MD5 value specified in the request did not match with the MD5 value calculated by the server.",
	"NotImplemented":                  "This server of the tests does not do that; Azure might.",
	"ServerBusy":                      "The server is busy.",
	"UnauthorizedBlobOverwrite":       "This request is not authorized to perform blob overwrites.",
}

// byteOrderMark precedes Azure's XML.
const byteOrderMark = "\xef\xbb\xbf"

// errorBody is the XML of an error.
func errorBody(code, requestID string) []byte {
	message := messages[code]
	if message == "" {
		message = code + "."
	}
	var b bytes.Buffer
	b.WriteString(byteOrderMark + `<?xml version="1.0" encoding="utf-8"?><Error><Code>`)
	_ = xml.EscapeText(&b, []byte(code)) // a Buffer takes all
	b.WriteString("</Code><Message>" + message + "\nRequestId:" + requestID + "\nTime:")
	b.WriteString(time.Now().UTC().Format("2006-01-02T15:04:05.0000000Z") + "</Message></Error>")
	return b.Bytes()
}

// defaultVersion is the version for a request without one.
const defaultVersion = "2026-06-06"

// begin writes status and headers of a response.
func (c *call) begin(a *response) {
	h := c.w.Header()
	maps.Copy(h, a.header)
	maps.Copy(h, a.extra)
	h["Server"] = serverHeader
	h["X-Ms-Request-Id"] = []string{c.id}
	h["X-Ms-Version"] = []string{defaultVersion}
	if version := c.r.Header["X-Ms-Version"]; len(version) > 0 {
		h["X-Ms-Version"] = version
	}
	if id := c.r.Header["X-Ms-Client-Request-Id"]; len(id) > 0 {
		h["X-Ms-Client-Request-Id"] = id
	}
	if a.code != "" {
		h["X-Ms-Error-Code"] = []string{a.code}
		if a.status != http.StatusNotModified && c.r.Method != http.MethodHead {
			h["Content-Type"] = []string{"application/xml"}
			a.body = [][]byte{errorBody(a.code, c.id)}
			a.length = int64(len(a.body[0]))
		}
	}
	if a.status != http.StatusNotModified {
		h["Content-Length"] = []string{strconv.FormatInt(a.length, 10)}
	}
	c.w.WriteHeader(a.status)
}

var serverHeader = []string{"Windows-Azure-Blob/1.0 azuretest"}

// send writes a response and returns how many bytes of its body were sent, at most limit.
func (c *call) send(a response, limit int64) (sent int64) {
	c.begin(&a)
	if c.r.Method == http.MethodHead {
		return 0
	}
	for _, part := range a.body {
		n, err := c.w.Write(part[:min(int64(len(part)), limit-sent)])
		sent += int64(n)
		if err != nil || sent == limit {
			break // the client has gone, or the limit is reached
		}
	}
	return sent
}
