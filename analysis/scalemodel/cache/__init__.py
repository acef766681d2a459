"""Which requests never reach the store?

A `Trace` is replayed through a policy by `simulate` and `sweep`: exact, by objects or by bytes, 20 policies
(`catalogue`) with admissions in front. `miss_ratio_curve` shows all sizes at once;
`che` and its kin need no trace, only a popularity law. `freshness` tells what is served stale and what writes cost;
`origin_load`, `delayed_hits`, `stampede`, `warm_up`, `front_cache` and `cache_cost` what follows behind the cache.

>>> trace = irm_trace(Zipf(10_000, alpha=1.0), requests=100_000)
>>> round(simulate(trace, "s3fifo", 1000).miss_ratio, 2)
0.27
"""

from ..workload import Zipf
from .admission import AdaptSize, Admission, Bloom, Probability, SizeLimit, SizeProbability, TinyLFU
from .analytic import (
    CacheNetwork,
    CheResult,
    ModelError,
    TTLResult,
    cache_tree,
    che,
    exact_fifo,
    exact_lru,
    model_error,
    tandem,
    ttl_cache,
)
from .consequences import (
    CacheCost,
    DelayedHits,
    FrontCache,
    OriginLoad,
    Stampede,
    WarmUp,
    cache_cost,
    delayed_hits,
    expiry_wave,
    front_cache,
    origin_load,
    stampede,
    warm_up,
)
from .curve import MissRatioCurve, miss_ratio_curve
from .expiring import ExpiringResult, expiring_lru
from .freshness import STRATEGIES, FreshnessResult, compare_freshness, freshness
from .policies import POLICIES, Policy, catalogue
from .simulate import CacheResult, simulate, sweep
from .synthetic import irm_trace, loop_trace, mixed_trace, scan_trace, twin
from .trace import Trace, TraceDescription

__all__ = [
    "POLICIES",
    "STRATEGIES",
    "AdaptSize",
    "Admission",
    "Bloom",
    "CacheCost",
    "CacheNetwork",
    "CacheResult",
    "CheResult",
    "DelayedHits",
    "ExpiringResult",
    "FreshnessResult",
    "FrontCache",
    "MissRatioCurve",
    "ModelError",
    "OriginLoad",
    "Policy",
    "Probability",
    "SizeLimit",
    "SizeProbability",
    "Stampede",
    "TTLResult",
    "TinyLFU",
    "Trace",
    "TraceDescription",
    "WarmUp",
    "Zipf",
    "cache_cost",
    "cache_tree",
    "catalogue",
    "che",
    "compare_freshness",
    "delayed_hits",
    "exact_fifo",
    "exact_lru",
    "expiring_lru",
    "expiry_wave",
    "freshness",
    "front_cache",
    "irm_trace",
    "loop_trace",
    "miss_ratio_curve",
    "mixed_trace",
    "model_error",
    "origin_load",
    "scan_trace",
    "simulate",
    "stampede",
    "sweep",
    "tandem",
    "ttl_cache",
    "twin",
    "warm_up",
]
