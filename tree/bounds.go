package tree

// bounds are the names from which on the pages of a branch have theirs; the first page has no bound. They never change, so all
// copies of a branch share them; and they lie together, so that a search finds them in a few lines of the processor's cache.
type bounds struct {
	names string // one behind the other
	ends  [maxPages - 1]uint32
	count int
}

func newBounds(names ...string) *bounds {
	b := &bounds{count: len(names)}
	var all []byte
	for i, name := range names {
		all = append(all, name...)
		b.ends[i] = uint32(len(all))
	}
	b.names = string(all)
	return b
}

// from is the bound of page i, which is not the first.
func (b *bounds) from(i int) string {
	if i == 1 {
		return b.names[:b.ends[0]]
	}
	return b.names[b.ends[i-2]:b.ends[i-1]]
}

// page returns which page a name belongs to.
func (b *bounds) page(name string) int {
	low, high := 0, b.count+1
	for high-low > 1 {
		if mid := int(uint(low+high) / 2); b.from(mid) <= name {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// list returns all of them.
func (b *bounds) list() []string {
	all := make([]string, 0, maxPages)
	for i := range b.count {
		all = append(all, b.from(i+1))
	}
	return all
}
