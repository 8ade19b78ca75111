"""What an agent's campaigns came to: engagement, attribution, the figures that people steer by. Arithmetic only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from chimera.domain.measurement import Measurement

ONE_BP = 10_000


class PostFigures(Struct, frozen=True, kw_only=True):
    """One post that went out: what it was about, what it cost, what came in for it."""

    topic: str
    cost_micros: int
    revenue_micros: int


class CampaignFigures(Struct, frozen=True, kw_only=True):
    """One campaign. Likes and replies are those of its last report, which asked the network; none without one."""

    campaign: str
    goal: str
    cost_micros: int
    revenue_micros: int
    tasks: Mapping[str, int]
    asked: int
    posts: tuple[PostFigures, ...]
    posts_read: int = 0
    likes: int = 0
    replies: int = 0


class TopicFigures(Struct, frozen=True, kw_only=True):
    """What posts about one topic cost and brought in."""

    topic: str
    posts: int
    cost_micros: int
    revenue_micros: int


class VariantFigures(Struct, frozen=True, kw_only=True):
    """What posts of one style, with one kind of picture, or at one time of the day brought, as far as it is known."""

    factor: str
    variant: str
    posts: int
    measured: int
    engagements_per_post_millis: int
    troubled: int
    harmful: int


class AgentFigures(Struct, frozen=True, kw_only=True):
    """One agent over all its campaigns. What cannot be computed from anything is zero."""

    agent: str
    campaigns: int
    posts: int
    posts_read: int
    likes: int
    replies: int
    engagements_per_post_millis: int
    cost_micros: int
    cost_per_post_micros: int
    cost_per_engagement_micros: int
    revenue_micros: int
    return_bp: int
    completion_bp: int
    autonomy_bp: int
    topics: tuple[TopicFigures, ...]
    of: tuple[CampaignFigures, ...]
    variants: tuple[VariantFigures, ...] = ()


def by_variant(known: Sequence[Measurement]) -> tuple[VariantFigures, ...]:
    """What each variant that was chosen came to, in the order of factors and names."""
    pairs = sorted({pair for one in known for pair in one.variants.items()})
    return tuple(_of_variant(factor, name, [one for one in known if one.variants.get(factor) == name])
                 for factor, name in pairs)  # fmt: skip


def _of_variant(factor: str, name: str, of: Sequence[Measurement]) -> VariantFigures:
    measured = [one for one in of if one.is_measured]
    return VariantFigures(
        factor=factor, variant=name, posts=len(of), measured=len(measured),
        troubled=sum(bool(one.troubles) for one in of),
        engagements_per_post_millis=_per(sum(one.engagements for one in measured) * 1_000, len(measured)),
        harmful=sum(one.has_harmed for one in of),
    )  # fmt: skip


def summed(agent: str, campaigns: Sequence[CampaignFigures], variants: tuple[VariantFigures, ...] = ()) -> AgentFigures:
    """The agent's figures from those of its campaigns."""
    posts = [post for one in campaigns for post in one.posts]
    cost = sum(one.cost_micros for one in campaigns)
    revenue = sum(one.revenue_micros for one in campaigns)
    read = sum(one.posts_read for one in campaigns)
    engagements = sum(one.likes + one.replies for one in campaigns)
    tasks = sum(count for one in campaigns for count in one.tasks.values())
    return AgentFigures(
        agent=agent, campaigns=len(campaigns), posts=len(posts), posts_read=read,
        likes=sum(one.likes for one in campaigns), replies=sum(one.replies for one in campaigns),
        engagements_per_post_millis=_per(engagements * 1_000, read),
        cost_micros=cost, cost_per_post_micros=_per(sum(post.cost_micros for post in posts), len(posts)),
        cost_per_engagement_micros=_per(cost, engagements), revenue_micros=revenue,
        return_bp=_per((revenue - cost) * ONE_BP, cost),
        completion_bp=_per(sum(one.tasks.get("done", 0) for one in campaigns) * ONE_BP, tasks),
        autonomy_bp=ONE_BP - _per(sum(one.asked for one in campaigns) * ONE_BP, tasks) if tasks else 0,
        topics=_by_topic(posts), of=tuple(campaigns), variants=variants,
    )  # fmt: skip


def _by_topic(posts: Sequence[PostFigures]) -> tuple[TopicFigures, ...]:
    """Attribution: what came in, and what it cost, by what was talked about; the best first."""
    found: list[TopicFigures] = []
    for topic in dict.fromkeys(post.topic for post in posts):
        about = [post for post in posts if post.topic == topic]
        found.append(TopicFigures(
            topic=topic, posts=len(about), cost_micros=sum(post.cost_micros for post in about),
            revenue_micros=sum(post.revenue_micros for post in about),
        ))  # fmt: skip
    return tuple(sorted(found, key=lambda one: (one.cost_micros - one.revenue_micros, one.topic)))


def _per(amount: int, count: int) -> int:
    return amount // count if count else 0
