/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioc/image/prefixes.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	VALUES = 65536, /* of a stride */
	STRIDES = 8,
	LIST_FIRST = 1024,
	LINES_FIRST = 256,
	NEST = 18, /* lengths of one stride, the inherited one, and a spare */
	/*
	 * More ranges than this, and a table of 4,096 lines takes the place of
	 * a tree of lines: three lines deep at the root of a trie, which there
	 * is only one of, four elsewhere.
	 */
	ROOT_RANGES = 11 * 11 * 11,
	INNER_RANGES = 11 * 11 * 11 * 11,
};
_Static_assert(PK_NET_STRIDE == 4, "INNER_RANGES is four lines deep");

/* From @start to where the next one starts. */
struct range {
	uint32_t start;
	uint32_t entry;
};

/* Ranges of one stride while they are found. */
struct node {
	struct range *range;
	uint32_t count;
};

/* A prefix of this stride that is open: its leaf holds up to @end. */
struct open {
	uint32_t end;
	uint32_t leaf;
};

struct build {
	struct pk_trie *trie;
	struct range *ranges; /* VALUES for each stride */
	unsigned strides;
	int err;
};

/* What was built: its entry, and the most lines below it. */
struct built {
	uint32_t entry;
	uint32_t steps;
};

/* --- lists --------------------------------------------------------------- */

static int add(struct pk_prefix_list *list, struct pk_prefix p)
{
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : LIST_FIRST;
		struct pk_prefix *item =
			realloc(list->item, room * sizeof(*item));

		if (!item)
			return -ENOMEM;
		list->item = item;
		list->room = room;
	}
	if (p.bits < 64)
		p.hi &= p.bits ? UINT64_MAX << (64 - p.bits) : 0;
	if (p.bits < 128)
		p.lo &= p.bits > 64 ? UINT64_MAX << (128 - p.bits) : 0;
	list->item[list->count++] = p;
	return 0;
}

int pk_prefixes_add4(struct pk_prefix_list *list, const uint64_t q[2],
		     unsigned bits, uint32_t slot)
{
	return add(list, (struct pk_prefix){
				 .hi = (uint64_t)be32toh((uint32_t)q[0]) << 32,
				 .slot = slot,
				 .bits = (uint8_t)bits,
			 });
}

int pk_prefixes_add6(struct pk_prefix_list *list, const uint64_t q[2],
		     unsigned bits, uint32_t slot)
{
	return add(list, (struct pk_prefix){
				 .hi = be64toh(q[0]),
				 .lo = be64toh(q[1]),
				 .slot = slot,
				 .bits = (uint8_t)bits,
			 });
}

void pk_prefixes_clear(struct pk_prefix_list *list)
{
	free(list->item);
	*list = (struct pk_prefix_list){ 0 };
}

/* An outer prefix comes right before what lies inside it. */
static int by_place(const void *a, const void *b)
{
	const struct pk_prefix *x = a, *y = b;

	if (x->hi != y->hi)
		return x->hi < y->hi ? -1 : 1;
	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	if (x->bits != y->bits)
		return x->bits < y->bits ? -1 : 1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

static bool is_same(const struct pk_prefix *a, const struct pk_prefix *b)
{
	return a->hi == b->hi && a->lo == b->lo && a->bits == b->bits;
}

/* In order, each prefix once. */
static void sort(struct pk_prefix_list *list)
{
	size_t i = 1, kept = 1;

	while (i < list->count &&
	       by_place(&list->item[i - 1], &list->item[i]) < 0)
		i++;
	if (i < list->count)
		qsort(list->item, list->count, sizeof(*list->item), by_place);
	for (i = 1; i < list->count; i++)
		if (!is_same(&list->item[kept - 1], &list->item[i]))
			list->item[kept++] = list->item[i];
	list->count = kept;
}

void pk_prefixes_touch(const struct pk_prefix_list *list,
		       struct pk_line lines[PK_TOUCH_LINES])
{
	for (size_t i = 0; i < list->count; i++) {
		const struct pk_prefix *p = &list->item[i];
		uint32_t first = (uint32_t)(p->hi >> 44);
		uint32_t last = first;

		if (p->bits < 20)
			last += (1U << (20 - p->bits)) - 1;
		for (uint32_t bit = first; bit <= last; bit++)
			lines[bit >> 9].q[bit >> 6 & 7] |= 1ULL << (bit & 63);
	}
}

/* --- lines --------------------------------------------------------------- */

static struct pk_line *grow(struct build *b, uint32_t lines)
{
	uint64_t room = b->trie->room ? b->trie->room : LINES_FIRST;
	struct pk_line *fresh;

	while (room < (uint64_t)b->trie->count + lines)
		room *= 2;
	if (room > PK_NET_LINE) {
		b->err = -EFBIG;
		return NULL;
	}
	fresh = aligned_alloc(64, room * sizeof(*fresh));
	if (!fresh) {
		b->err = -ENOMEM;
		return NULL;
	}
	if (b->trie->count)
		memcpy(fresh, b->trie->lines, b->trie->count * sizeof(*fresh));
	free(b->trie->lines);
	b->trie->lines = fresh;
	b->trie->room = (uint32_t)room;
	return fresh;
}

/* Take so many lines; the number of the first. After an error: any. */
static uint32_t take_lines(struct build *b, uint32_t lines)
{
	uint32_t first = b->trie->count;

	if (b->err || (b->trie->room - first < lines && !grow(b, lines)))
		return 0;
	memset(&b->trie->lines[first], 0, lines * sizeof(struct pk_line));
	b->trie->count += lines;
	return first;
}

static uint32_t inner(uint32_t kind, uint32_t line)
{
	return PK_NET_INNER | kind << PK_NET_KIND_SHIFT | line;
}

static uint32_t end_of(const struct node *n, uint32_t i)
{
	return i + 1 < n->count ? n->range[i + 1].start - 1 : VALUES - 1;
}

static uint32_t put_line(struct build *b, const struct node *n, uint32_t from,
			 uint32_t count)
{
	uint32_t at = take_lines(b, 1);
	struct pk_line *line = &b->trie->lines[at];

	if (b->err)
		return 0;
	for (uint32_t i = 0; i < PK_NET_ENDS; i++)
		line->h[i] = i + 1 < count ? (uint16_t)end_of(n, from + i)
					   : VALUES - 1;
	for (uint32_t i = 0; i < count; i++)
		line->w[PK_NET_FIRST + i] = n->range[from + i].entry;
	return at;
}

static struct built put_table(struct build *b, const struct node *n)
{
	uint32_t first = take_lines(b, PK_NET_TABLE_LINES);

	if (b->err)
		return (struct built){ 0 };
	for (uint32_t i = 0; i < n->count; i++)
		for (uint32_t v = n->range[i].start; v <= end_of(n, i); v++)
			b->trie->lines[first + (v >> 4)].w[v & 15] =
				n->range[i].entry;
	return (struct built){ inner(PK_NET_TABLE, first), 1 };
}

/* Join runs of ranges to lines, then those lines, until one is left. */
static struct built put_tree(struct build *b, struct node *n)
{
	struct built built = { .steps = 1 };

	while (n->count > PK_NET_WAYS) {
		uint32_t lines = 0;

		for (uint32_t i = 0; i < n->count; i += PK_NET_WAYS) {
			uint32_t count = n->count - i < PK_NET_WAYS
						 ? n->count - i
						 : PK_NET_WAYS;
			uint32_t at = put_line(b, n, i, count);

			n->range[lines].start = n->range[i].start;
			n->range[lines++].entry = inner(PK_NET_SAME, at);
		}
		n->count = lines;
		built.steps++;
	}
	built.entry = inner(PK_NET_NEXT, put_line(b, n, 0, n->count));
	return built;
}

/* --- ranges -------------------------------------------------------------- */

static void begin_range(struct node *n, uint32_t start, uint32_t entry)
{
	if (start >= VALUES)
		return;
	if (n->count && n->range[n->count - 1].start == start)
		n->count--; /* it was empty */
	if (n->count && n->range[n->count - 1].entry == entry)
		return;
	n->range[n->count++] = (struct range){ start, entry };
}

static uint32_t value_at(const struct pk_prefix *p, unsigned stride)
{
	uint64_t q = stride < 4 ? p->hi : p->lo;

	return q >> (48 - 16 * (stride & 3)) & (VALUES - 1);
}

static uint32_t leaf_of(const struct pk_prefix *p)
{
	return (uint32_t)p->bits << PK_NET_LEN_SHIFT | p->slot;
}

static uint32_t last_value(const struct pk_prefix *p, unsigned stride)
{
	unsigned free_bits = 16 * (stride + 1) - p->bits;

	return value_at(p, stride) | ((1U << free_bits) - 1);
}

static struct built build(struct build *b, const struct pk_prefix *p, size_t n,
			  unsigned stride, uint32_t inherited);

/* All of @p that continue the same value: their trie. Returns how many. */
static size_t build_child(struct build *b, const struct pk_prefix *p, size_t n,
			  unsigned stride, uint32_t inherited,
			  struct built *child)
{
	uint32_t value = value_at(p, stride);
	size_t same = 1;

	while (same < n && value_at(&p[same], stride) == value)
		same++;
	*child = build(b, p, same, stride + 1, inherited);
	return same;
}

/* Close what ends before @value. */
static uint32_t close_before(struct node *node, const struct open *open,
			     uint32_t top, uint32_t value)
{
	while (top && open[top].end < value) {
		top--;
		begin_range(node, open[top + 1].end + 1, open[top].leaf);
	}
	return top;
}

/*
 * The ranges of one stride. @p are sorted, equal above it, and longer than what
 * is above it; @inherited is the leaf where none of them lies. Returns the most
 * lines that a walk reads below.
 */
static uint32_t find_ranges(struct build *b, const struct pk_prefix *p,
			    size_t n, unsigned stride, struct node *node,
			    uint32_t inherited)
{
	struct open open[NEST] = { { VALUES, inherited } };
	uint32_t top = 0, steps = 0;
	struct built child;

	begin_range(node, 0, inherited);
	for (size_t i = 0; i < n;) {
		uint32_t value = value_at(&p[i], stride);

		top = close_before(node, open, top, value);
		if (p[i].bits <= 16 * (stride + 1)) {
			open[++top] = (struct open){ last_value(&p[i], stride),
						     leaf_of(&p[i]) };
			begin_range(node, value, open[top].leaf);
			i++;
			continue;
		}
		i += build_child(b, &p[i], n - i, stride, open[top].leaf,
				 &child);
		begin_range(node, value, child.entry);
		begin_range(node, value + 1, open[top].leaf);
		if (child.steps > steps)
			steps = child.steps;
	}
	close_before(node, open, top, VALUES);
	return steps;
}

/* Few IPv6 prefixes that would take more than one line are listed in one. */
static bool fits_list(const struct build *b, const struct pk_prefix *p,
		      size_t n, unsigned stride)
{
	bool deep = false;

	if (n > PK_NET_LISTED || b->strides < STRIDES)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!p[i].bits || p[i].bits > 64)
			return false;
		deep |= p[i].bits > 16 * (stride + 1);
	}
	return deep;
}

static int by_bits(const void *a, const void *b)
{
	const struct pk_prefix *x = a, *y = b;

	return (x->bits > y->bits) - (x->bits < y->bits);
}

static struct built put_list(struct build *b, const struct pk_prefix *p,
			     size_t n, uint32_t inherited)
{
	struct pk_prefix sorted[PK_NET_LISTED];
	uint32_t at = take_lines(b, 1);
	struct pk_line *line = &b->trie->lines[at];

	if (b->err)
		return (struct built){ 0 };
	memcpy(sorted, p, n * sizeof(*p));
	qsort(sorted, n, sizeof(*sorted), by_bits);
	for (size_t i = 0; i < PK_NET_LISTED; i++) {
		size_t k = i + n < PK_NET_LISTED ? 0 : i + n - PK_NET_LISTED;

		line->q[i] = sorted[k].hi;
		line->w[10 + i] = leaf_of(&sorted[k]);
	}
	line->w[15] = inherited;
	return (struct built){ inner(PK_NET_LIST, at), 1 };
}

static struct built build(struct build *b, const struct pk_prefix *p, size_t n,
			  unsigned stride, uint32_t inherited)
{
	struct node node = { .range = &b->ranges[stride * VALUES] };
	struct built built;
	uint32_t below;

	if (stride >= b->strides)
		return (struct built){ inherited, 0 };
	if (fits_list(b, p, n, stride))
		return put_list(b, p, n, inherited);
	below = find_ranges(b, p, n, stride, &node, inherited);
	if (node.count == 1)
		return (struct built){ node.range[0].entry, 0 };
	if (node.count > (stride ? INNER_RANGES : ROOT_RANGES))
		built = put_table(b, &node);
	else
		built = put_tree(b, &node);
	built.steps += below;
	return built;
}

int pk_trie_add(struct pk_trie *t, struct pk_prefix_list *list,
		unsigned strides, uint32_t *root)
{
	struct build b = { .trie = t, .strides = strides };
	struct built built;

	*root = 0;
	if (!list->count)
		return 0;
	b.ranges = malloc(sizeof(*b.ranges) * VALUES * STRIDES);
	if (!b.ranges)
		return -ENOMEM;
	sort(list);
	built = build(&b, list->item, list->count, 0, 0);
	free(b.ranges);
	if (b.err)
		return b.err;
	*root = built.entry;
	if (built.steps > t->steps)
		t->steps = built.steps;
	return 0;
}

void pk_trie_free(struct pk_trie *t)
{
	free(t->lines);
	*t = (struct pk_trie){ 0 };
}
