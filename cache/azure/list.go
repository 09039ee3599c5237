package azure

import (
	"context"
	"errors"
	"iter"
	"maps"
	"net/url"
	"strconv"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/explain"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// pageSize is the most that Azure gives at once: each page is paid for.
const pageSize = 5000

// List gives all blobs whose names begin with prefix, in the order of their
// names, with their metadata. Only a page of them is in memory at a time. The
// first error is the last item. It needs the right to list.
func (c *Container) List(ctx context.Context, prefix string) iter.Seq2[Properties, error] {
	query := url.Values{"include": {"metadata"}, "prefix": {prefix}}
	return func(yield func(Properties, error) bool) {
		for page, err := range c.pages(ctx, query) {
			if err != nil {
				yield(Properties{}, err)
				return
			}
			for _, blob := range page.blobs {
				if !yield(blob, nil) {
					return
				}
			}
		}
	}
}

// Folders gives the names below prefix up to the next "/", which is part of them.
// Each costs a fraction of a page, however many blobs are in it. The first error
// is the last item. It needs the right to list.
func (c *Container) Folders(ctx context.Context, prefix string) iter.Seq2[string, error] {
	query := url.Values{"delimiter": {"/"}, "prefix": {prefix}}
	return func(yield func(string, error) bool) {
		for page, err := range c.pages(ctx, query) {
			if err != nil {
				yield("", err)
				return
			}
			for _, folder := range page.folders {
				if !yield(folder, nil) {
					return
				}
			}
		}
	}
}

// page is what one answer to a list has.
type page struct {
	blobs   []Properties
	folders []string
	next    string // marker of the next page, or ""
}

// pages gives the pages of a list, each read to its end before somebody may take
// his time with it.
func (c *Container) pages(ctx context.Context, query url.Values) iter.Seq2[page, error] {
	query.Set("restype", "container")
	query.Set("comp", "list")
	query.Set("maxresults", strconv.Itoa(pageSize))
	return func(yield func(page, error) bool) {
		query := maps.Clone(query) // a sequence may be run through again
		for {
			it, err := c.page(ctx, query)
			if err != nil {
				yield(page{}, c.explain.Error(ctx, "list", query.Get("prefix"), err))
				return
			}
			if !yield(it, nil) || it.next == "" {
				return
			}
			query.Set("marker", it.next)
		}
	}
}

// page reads one page. One that breaks off is asked for again.
func (c *Container) page(ctx context.Context, query url.Values) (page, error) {
	for failures := 0; ; failures++ {
		it, err := c.readPage(ctx, query)
		_, isLimit := errors.AsType[*transport.LimitError](err)
		if !errors.Is(err, errListBroken) || isLimit || ctx.Err() != nil || failures == transport.MaxRetries {
			return it, err
		}
	}
}

func (c *Container) readPage(ctx context.Context, query url.Values) (page, error) {
	client, err := c.clients.acquire(ctx, reads)
	if err != nil {
		return page{}, err
	}
	answer, err := client.DownloadStream(withContainerQuery(ctx, query), nil)
	client.release()
	if err != nil {
		return page{}, err
	}
	defer answer.Body.Close() // read to its end or given up: nothing is lost
	if explain.IsHTML(answer.ContentType, answer.RequestID) {
		return page{}, &explain.InterceptedError{}
	}
	return parsePage(answer.Body)
}
