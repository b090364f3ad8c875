"""Endpoints of rewards. They work nothing out for anybody but the person who asks."""

from studyhall.permissions import Permission
from studyhall.rewards import service
from studyhall.rewards.schemas import (
    Leaderboard,
    LeaderboardQuery,
    Preferences,
    PreferencesChange,
    RewardProfile,
)
from studyhall.web.routes import Request, Route


async def show_profile(request: Request) -> RewardProfile:
    """Return one's own XP, level and streak."""
    return await service.profile(request.session, request.person.user_id, now=request.context.clock())


async def show_leaderboard(request: Request) -> Leaderboard:
    """Return the cohort's leaderboard."""
    query = request.query_as(LeaderboardQuery)
    return await service.leaderboard(
        request.session,
        request.person.user_id,
        window=query.window,
        limit=query.limit,
        now=request.context.clock(),
    )


async def show_preferences(request: Request) -> Preferences:
    """Return how one appears on the leaderboard."""
    return await service.preferences(request.session, request.person.user_id)


async def change_preferences(request: Request) -> Preferences:
    """Change how one appears on the leaderboard."""
    return await service.change_preferences(
        request.session, request.person.user_id, request.body_as(PreferencesChange)
    )


ROUTES = [
    Route(
        method="GET",
        path="/rewards/profile",
        summary="My XP, level and streak",
        permission=Permission.REWARDS_READ,
        handle=show_profile,
        response=RewardProfile,
    ),
    Route(
        method="GET",
        path="/leaderboard",
        summary="The cohort's leaderboard",
        permission=Permission.REWARDS_READ,
        handle=show_leaderboard,
        query=LeaderboardQuery,
        response=Leaderboard,
    ),
    Route(
        method="GET",
        path="/rewards/preferences",
        summary="How I appear on the leaderboard",
        permission=Permission.REWARDS_READ,
        handle=show_preferences,
        response=Preferences,
    ),
    Route(
        method="PATCH",
        path="/rewards/preferences",
        summary="Change how I appear on the leaderboard",
        permission=Permission.REWARDS_WRITE,
        handle=change_preferences,
        body=PreferencesChange,
        response=Preferences,
    ),
]
