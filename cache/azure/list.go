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

// pageSize is the most that Azure returns at once. Each page is billed.
const pageSize = 5000

// List yields all blobs whose names begin with prefix, sorted by name, with their
// metadata. It keeps one page in memory. If there is an error, it is the last item. List
// needs permission to list.
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

// Folders yields the names below prefix up to and including the next "/". A folder costs
// a fraction of a page, however many blobs it has. If there is an error, it is the last
// item. Folders needs permission to list.
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

// page is one response to a list request.
type page struct {
	blobs   []Properties
	folders []string
	next    string // marker of the next page, or ""
}

// pages yields the pages of a list. Each is read to its end before it is yielded, because
// the consumer may be slow.
func (c *Container) pages(ctx context.Context, query url.Values) iter.Seq2[page, error] {
	query.Set("restype", "container")
	query.Set("comp", "list")
	query.Set("maxresults", strconv.Itoa(pageSize))
	return func(yield func(page, error) bool) {
		query := maps.Clone(query) // the sequence may be used again
		for {
			got, err := c.page(ctx, query)
			if err != nil {
				yield(page{}, c.explain.Error(ctx, "list", query.Get("prefix"), err))
				return
			}
			if !yield(got, nil) || got.next == "" {
				return
			}
			query.Set("marker", got.next)
		}
	}
}

// page reads one page, and retries one that ends early.
func (c *Container) page(ctx context.Context, query url.Values) (page, error) {
	for failures := 0; ; failures++ {
		got, err := c.readPage(ctx, query)
		_, isLimit := errors.AsType[*transport.LimitError](err)
		if !errors.Is(err, errListBroken) || isLimit || ctx.Err() != nil || failures == transport.MaxRetries {
			return got, err
		}
	}
}

func (c *Container) readPage(ctx context.Context, query url.Values) (page, error) {
	client, err := c.clients.acquire(ctx, reads)
	if err != nil {
		return page{}, err
	}
	response, err := client.DownloadStream(withContainerQuery(ctx, query), nil)
	client.release()
	if err != nil {
		return page{}, err
	}
	defer response.Body.Close() // read to its end or failed: nothing is lost
	if explain.IsHTML(response.ContentType, response.RequestID) {
		return page{}, &explain.InterceptedError{}
	}
	return parsePage(response.Body)
}
