# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Which host to ask: `pick` of the driver's own policies, for requests that are encoded."""

cimport cython
from cpython.dict cimport PyDict_GetItem
from cpython.method cimport PyMethod_Check
from cpython.object cimport PyObject
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint64_t

from cql_speedups.members cimport Member, find_member, read_member
from cql_speedups.plans cimport Course, Plan

import os

cdef extern from *:
    """
    static inline PyObject *method_function(PyObject *method) {
        return Py_NewRef(PyMethod_GET_FUNCTION(method));
    }
    static inline PyObject *method_owner(PyObject *method) {
        return Py_NewRef(PyMethod_GET_SELF(method));
    }
    #if defined(_MSC_VER)
    static __declspec(thread) uint64_t dice;
    #else
    static __thread uint64_t dice;
    #endif
    static uint64_t salt; /* of this process: forked workers must not all choose alike */
    static void salt_dice(uint64_t number) {
        salt = number;
        dice = 0;
    }
    /* Numbers of a thread's own, by xorshift. */
    static inline uint64_t throw_dice(void) {
        uint64_t x = dice;
        if (!x) x = ((uint64_t)(uintptr_t)&dice ^ salt) * 0x9e3779b97f4a7c15u | 1;
        x ^= x << 13; x ^= x >> 7; x ^= x << 17;
        return dice = x;
    }
    """
    object method_function(object method)
    object method_owner(object method)
    uint64_t throw_dice()
    void salt_dice(uint64_t number)

cdef object _undecided = object()
cdef object pick_replica = None
cdef object pick_nearest = None
cdef object murmur3_token = None
cdef Member m_key, m_spreading

cdef enum:
    TRIES = 3


cdef object undecided():
    """Return what stands for a choice that is left to the policy itself."""
    return _undecided


def _salt_anew():
    """Have this process choose otherwise than those that it was forked from, or beside."""
    salt_dice(int.from_bytes(os.urandom(8), "little"))


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_salt_anew)


cdef int look_up() except -1:
    global murmur3_token, pick_nearest, pick_replica
    from cql_driver.metadata import Metadata
    from cql_driver.policies.round_robin import LocalFirst
    from cql_driver.policies.token_aware import TokenAwarePolicy
    from cql_driver.pools.host import Host
    from cql_protocol.tokens import Murmur3Token

    murmur3_token, pick_nearest = Murmur3Token, LocalFirst.pick
    find_member(Host, "key", &m_key)
    find_member(Metadata, "spreading", &m_spreading)
    pick_replica = TokenAwarePolicy.pick
    return 0


cdef object pick_host(object pick, Plan plan, bytes frame):
    """Return the host that `pick` would, None for the first of its plan, or `undecided()`."""
    cdef Course course
    cdef object host
    with cython.critical_section(plan):
        course = plan.course
    if course is None or course.pick is not pick or course.is_over():
        course = course_of(pick)
        with cython.critical_section(plan):
            plan.course = course
    if course.policy is not None:
        if (
            plan.lwt
            or plan.keyspace is None
            or read_member(course.policy, &course.shuffles) is not True
        ):
            return _undecided
        if plan.keyspace in read_member(course.metadata, &m_spreading):
            host = replica_of(course.policy, course.metadata._snapshot, plan, frame)
            if host is not None:
                return host
    return _undecided if course.nearest is None else nearest_of(course)


cdef Course course_of(object pick):
    """Find out where a `pick` leads to; nowhere where that is not known here."""
    cdef Course course = Course.__new__(Course)
    course.pick = pick
    if pick_replica is None:
        look_up()
    if PyMethod_Check(pick) and method_function(pick) is pick_replica:
        policy = method_owner(pick)
        if policy._metadata is None:
            return course
        course.policy, course.metadata = policy, policy._metadata
        find_member(type(policy), "_metadata", &course.served)
        find_member(type(policy), "shuffle_replicas", &course.shuffles)
        pick = policy._child_pick
    if PyMethod_Check(pick) and method_function(pick) is pick_nearest:
        course.nearest = method_owner(pick)
        find_member(type(course.nearest), "_tiers", &course.tiers)
    return course


cdef object nearest_of(Course course):
    """Do as `LocalFirst.pick`."""
    cdef tuple tiers = read_member(course.nearest, &course.tiers), nearest
    if not tiers:
        return None
    nearest = <tuple>tiers[0]
    if len(nearest) == 1:
        return nearest[0]
    return nearest[<Py_ssize_t>(<object>next(course.nearest._turns)) % len(nearest)]


cdef object replica_of(object policy, object snapshot, Plan plan, bytes frame):
    """Return one of the nearest replicas that are up; None where there is none."""
    cdef tuple near = policy._near, replicas
    cdef object table, host, least
    cdef PyObject *distance
    cdef int64_t token
    if near is None or snapshot.token_class is not murmur3_token:
        return _undecided
    table = (<dict>snapshot.tables).get(plan.keyspace)
    if table is None:
        return None
    if not plan.hash_key(frame, &token):
        return _undecided
    if token == INT64_MIN:
        token = INT64_MAX
    replicas = <tuple>((<list>table.found)[place_of(<list>table.values, token)])
    if replicas is None:
        replicas = table.work_out(token)
    if not replicas:
        return None
    least = near[1]
    for _ in range(TRIES):
        host = replicas[<Py_ssize_t>(throw_dice() % <uint64_t>len(replicas))]
        distance = PyDict_GetItem(<dict>near[0], read_member(host, &m_key))
        if distance != NULL and <object>distance == least and host.is_up is not False:
            return host
    return policy._choose(replicas, False)


cdef Py_ssize_t place_of(list values, int64_t token) except -1:
    """Do as `bisect.bisect_left`."""
    cdef Py_ssize_t low = 0, high = len(values), middle
    while low < high:
        middle = (low + high) // 2
        if <int64_t>values[middle] < token:
            low = middle + 1
        else:
            high = middle
    return low
